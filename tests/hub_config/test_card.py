"""The card: what the Hub's client and a Markdown reader make of it."""

import re
from itertools import pairwise

import pytest
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from common.recipes import Recipe
from fusion_model import FusionConfig
from hub_config.card import cell, model_licence, write_card
from training.report import summarise

RECIPE = Recipe("minilm", "A recipe of the tests.", [], {}, {})
NAMES = [
    "joy",
    "a | b",
    "<img src=x onerror=alert(1)>",
    "[click](http://evil.example)",
    "![x](http://evil.example/p.png)",
]
NAMES += ["`code` **bold** _under_ ~~gone~~", "two\nlines", "back\\slash \\| bar", "&lt;i&gt; $x$ # head", "snake_case"]
BACKBONE = {"name": "minilm", "model_id": "sentence-transformers/all-MiniLM-L6-v2", "hidden_size": 384}
TUNED = {**BACKBONE, "name": "tuned", "tuned": True, "bundled": True}


def make_config(
    multi_label: bool = True, names: list[str] = NAMES, backbones: tuple = (BACKBONE,), **head
) -> FusionConfig:
    return FusionConfig(
        backbones=list(backbones),
        problem_type="multi_label_classification" if multi_label else "single_label_classification",
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
        thresholds=[0.25] * len(names) if multi_label else None,
        **head,
    )


def make_report(
    multi_label: bool = True,
    test: bool = True,
    seeds: int = 1,
    dataset: str = "sample",
    names: list[str] = NAMES,
    **more: dict | None,
) -> dict:
    threshold = {"threshold": 0.25 if multi_label else None}
    figures = {"f1": 0.5, "precision": 0.4, "recall": 0.6, "support": 12, **threshold}
    run = dict.fromkeys(["loss", "accuracy", "macro_f1", "micro_f1", "weighted_f1"], 0.5)
    run |= {"per_label": dict.fromkeys(names, figures)}
    validation = {**run, "cross_fitted_macro_f1": 0.45} if multi_label else run
    return {
        "dataset": dataset,
        "label_mode": "auto",
        "recipe": "minilm",
        "commit": None,
        "versions": {"python": "3.11", "machine": "x86_64", "torch": "2.13.0", "transformers": "5.23.0"},
        "rows": {"train": 3000, "validation": 400, **({"test": 400} if test else {})},
        "parameters": 1_234_567,
        "timings": {"extract_seconds": 1.0, "train_seconds": 2.0, "total_seconds": 3.0},
        "saved_seed": 42,
        "runs": [{"seed": 42 + n, "validation": validation, "test": run if test else None} for n in range(seeds)],
        "validation": summarise([validation] * seeds),
        "test": summarise([run if test else None] * seeds),
        **more,
    }


def write(folder, config: FusionConfig | None = None, **options) -> str:
    folder = folder / "my_model"
    folder.mkdir(exist_ok=True)
    multi_label, names = options.get("multi_label", True), options.get("names", NAMES)
    write_card(folder, config or make_config(multi_label, names), make_report(**options), RECIPE)
    return (folder / "README.md").read_text(encoding="utf-8")


def tables(text: str) -> list[list[list[str]]]:
    """Every table as a GitHub-like reader sees it: rows of cells' source text."""
    found: list[list[list[str]]] = []
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(ModelCard(text).text)
    for token, inner in pairwise(tokens):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type in ("th_open", "td_open"):
            found[-1][-1].append(inner.content)
    return found


CASES = [
    {"multi_label": multi_label, "test": test, "seeds": seeds}
    for multi_label in (True, False)
    for test in (True, False)
    for seeds in (1, 5)
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_tables_are_whole_in_every_case(tmp_path, case):
    text = write(tmp_path, **case)
    backbones, metrics, labels = tables(text)
    assert len(backbones) == 2
    assert len(metrics) == 1 + 4 + case["multi_label"]
    assert len(labels) == 1 + len(NAMES)
    assert labels[0] == ["label", "F1", "precision", "recall", "examples"] + ["threshold"] * case["multi_label"]
    # A reader fills missing cells up, so the source's bars are counted too.
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.M):
        assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in block.splitlines()}) == 1
    assert "\n\n\n" not in text.split("---\n", 2)[2]
    assert ("±" in text) == (case["seeds"] > 1)
    assert ("seeds 42, 43, 44, 45, 46 (saved: 42)" in text) == (case["seeds"] > 1)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_front_matter_is_what_the_hubs_client_expects(tmp_path, case):
    write(tmp_path, **case)
    card = ModelCard.load(tmp_path / "my_model" / "README.md")
    assert card.data.model_name == "my_model"
    assert card.data.pipeline_tag == "text-classification"
    assert card.data.library_name == "transformers"
    assert card.data.base_model == ["sentence-transformers/all-MiniLM-L6-v2"]
    results = {(result.dataset_split, result.metric_name): result for result in card.data.eval_results}
    splits = {"test", "validation"} if case["test"] else {"validation"}
    names = {"Macro F1", "Micro F1", "Weighted F1", "Accuracy", "Loss"}
    assert set(results) == {(split, name) for split in splits for name in names}
    for split in splits:
        assert results[split, "Macro F1"].metric_value == 0.5
        assert results[split, "Macro F1"].metric_args == {"std": 0.0, "seeds": case["seeds"]}
    assert card.data.to_dict()["model-index"][0]["name"] == "my_model"


def test_behavioural_tests_have_a_table_by_kind_where_the_model_has_their_labels(tmp_path):
    kinds = {"negation": {"pairs": 15, "passed": 8}, "who feels it": {"pairs": 15, "passed": 6}}
    kinds["all"] = {"pairs": 30, "passed": 14}
    behaviour = {"factor": 2.0, "kinds": kinds}
    one, several = (write(tmp_path, behaviour=behaviour, seeds=seeds) for seeds in (1, 5))
    assert tables(one)[-1] == [
        ["kind", "passed"], ["negation", "8 of 15"], ["who feels it", "6 of 15"], ["**all**", "14 of 30"]
    ]  # fmt: skip
    assert "by a factor of 2 or more" in one
    assert "saved seed" in several
    assert "\n\n\n" not in one.split("---\n", 2)[2]
    assert "Behavioural" not in write(tmp_path) + write(tmp_path, behaviour=None)


def test_texts_that_were_cut_and_weights_of_parts_are_told_where_there_are_any(tmp_path):
    weights = {"heads": 1.0, "tuned": 4.628, "lexical": 1.932}
    cut = {"train": {"minilm": 1234, "tuned": 0}, "validation": {"minilm": 0, "tuned": 0}, "test": {"minilm": 7}}
    config = make_config(backbones=({**BACKBONE, "max_length": 64}, TUNED), lexical_terms=12, lexical_bytes=99)
    text = write(tmp_path, config, weights=weights, cut_texts=cut)
    assert "fitted on validation: heads 1.00, tuned 4.63, TF-IDF branch 1.93." in text
    assert "`minilm` read only the first 64 tokens of 1,234 train, 7 test texts." in text
    assert "`tuned`" not in text
    plain = write(tmp_path, config, weights=None, cut_texts={"train": {"minilm": 0, "tuned": 0}})
    assert "read only" not in plain
    assert "weights" not in plain.lower()


def test_without_a_test_split_the_card_says_that_its_figures_are_optimistic(tmp_path):
    text = write(tmp_path, test=False)
    assert "## Results on validation" in text
    assert "so they are optimistic" in text
    assert "so they are optimistic" not in write(tmp_path, test=True)


def test_label_names_act_neither_as_html_nor_as_markdown(tmp_path):
    text = ModelCard(write(tmp_path)).text
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)
    assert "<img src=x" not in html
    assert 'href="http://evil.example"' not in html
    assert 'src="http://evil.example' not in html
    assert html.count("<img") == 3  # the figures
    for acted in ("<strong>bold", "<em>under", "<s>gone", "<code>code"):
        assert acted not in html


def test_label_names_are_read_as_they_are(tmp_path):
    text = ModelCard(write(tmp_path)).text
    html = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    cells = re.findall(r"<tr>\s*<td>(.*?)</td>", html)[-len(NAMES) :]
    unescaped = [
        c.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&") for c in cells
    ]
    assert unescaped == [" ".join(name.split()) for name in NAMES]


def test_most_names_stay_as_they_are():
    for name in ("joy", "snake_case", "C3PO-1.5", "sentence-transformers/all-MiniLM-L6-v2", "joie 😂"):
        assert cell(name) == name


def test_a_label_that_looks_like_yaml_does_not_reach_the_front_matter(tmp_path):
    names = ["license: mit", "---", "{{ 7 * 7 }}"]
    text = write(tmp_path, names=names)
    assert ModelCard(text).data.license == "apache-2.0"
    assert cell("{{ 7 * 7 }}") in text


def test_the_example_names_the_model_as_the_front_matter_does_and_says_what_to_put(tmp_path):
    """publish puts the repository's id in the place of the quoted name."""
    text = write(tmp_path)
    assert 'pipeline("text-classification", model="my_model", trust_remote_code=True)' in text
    assert "# model: the id of this repository on the Hub, or the path of this folder" in text
    assert text.count('"my_model"') == 1


def test_a_tuned_backbone_is_not_called_frozen(tmp_path):
    text = write(
        tmp_path, make_config(backbones=(BACKBONE, TUNED), lexical_terms=12_345, lexical_bytes=99_999, num_members=2)
    )
    assert "and an ensemble of 2 trained heads" in text
    assert "A language model that was fine-tuned; the logits of all parts are added." in text
    assert "12,345 words" in text
    assert [row[2] for row in tables(text)[0]] == ["training", "frozen", "fine-tuned"]
    alone = write(tmp_path, make_config(backbones=(TUNED,)))
    assert "A language model that was fine-tuned.\n" in alone
    assert "frozen" not in alone


def test_a_backbone_from_a_folder_is_no_base_model(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    text = write(tmp_path, make_config(backbones=({**BACKBONE, "model_id": str(folder)},)))
    assert "base_model" not in text


@pytest.mark.parametrize(
    ("dataset", "listed", "sentence"),
    [
        ("go_emotions", ["google-research-datasets/go_emotions"], "The dataset's licence is cc-by-4.0."),
        ("someone/feelings", ["someone/feelings"], "state it before you publish"),
        ("feelings.csv", None, "state it before you publish"),
        ("sample", None, "The dataset's licence is apache-2.0."),
    ],
)
def test_the_data_set_is_named_with_its_licence_where_that_is_known(tmp_path, dataset, listed, sentence):
    text = write(tmp_path, dataset=dataset)
    assert ModelCard(text).data.datasets == listed
    assert sentence in text
    assert ("English only" in text) == (dataset in ("go_emotions", "sample"))


@pytest.mark.parametrize(
    ("dataset", "backbones", "licence"),
    [
        ("sample", ["sentence-transformers/all-MiniLM-L6-v2"], "apache-2.0"),
        ("go_emotions", ["google-bert/bert-large-uncased"], "cc-by-4.0"),
        ("go_emotions", ["meta-llama/Llama-2-7b-chat-hf", "google-bert/bert-large-uncased"], "llama2"),
        ("empathetic_dialogues", ["google-bert/bert-large-uncased"], "cc-by-nc-4.0"),
        ("empathetic_dialogues", ["meta-llama/Llama-2-7b-chat-hf"], "cc-by-nc-4.0"),
        ("my.csv", ["google-bert/bert-large-uncased"], "other"),
        ("my.csv", ["meta-llama/Llama-2-7b-chat-hf"], "other"),
    ],
)
def test_the_licence_is_the_strictest_of_what_the_model_was_made_from(dataset, backbones, licence):
    assert model_licence(dataset, backbones) == licence


def test_llama_2_brings_its_notice_and_a_non_commercial_data_set_its_ban(tmp_path):
    llama = make_config(True, NAMES)
    llama.backbones = [llama.backbones[0].replace(model_id="meta-llama/Llama-2-7b-chat-hf"), *llama.backbones[1:]]
    text = write(tmp_path, llama, dataset="empathetic_dialogues")
    assert "Copyright (c) Meta Platforms, Inc. All Rights Reserved." in text
    assert "**Not for commercial use**" in text
    assert ModelCard(text).data.license == "cc-by-nc-4.0"
    plain = write(tmp_path, dataset="go_emotions")
    assert "Meta Platforms" not in plain
    assert "commercial use" not in plain
    assert "@inproceedings{demszky2020goemotions,\n  title = {{GoEmotions}: A Dataset" in plain
