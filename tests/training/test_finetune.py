"""Fine-tuning: the recipe's block, which weights move, and what passes for a backbone that was fine-tuned before."""

from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict

from common.recipes import RecipeError, load_recipe
from extraction.features import pin
from fusion_model.backbones import check_backbones
from fusion_model.encoder import BackboneEncoder
from tests.standins import standin
from training.arguments import parse
from training.finetune import Task, check_block, finetune
from training.finetune_options import Finetune, read_blocks

TEXTS = ["so happy", "so sad", "so what"]


def key(*flags: str, labels=(0, 1, 2), validation=(0, 1, 2), num_labels: int = 3, seed: int = 42) -> str:
    """The name of what would be fine-tuned."""
    (backbone,) = check_backbones([{"name": "tiny", "model_id": "user/tiny", "tuned": True, "hidden_size": 8}])
    data = DatasetDict({name: Dataset.from_dict({"text": TEXTS}) for name in ("train", "validation")})
    ids = {"train": np.array(labels), "validation": np.array(validation)}
    arguments = parse(["--recipe", "minilm_tuned", *flags])
    task = Task(data, ids, num_labels, arguments.training, Path())
    return task.key(backbone, arguments.finetune["minilm_tuned"], seed)


@pytest.mark.parametrize(
    "flags",
    [
        ["--label_smoothing_factor", "0.2"],
        ["--loss", "focal"],
        ["--loss", "focal", "--loss_options", "gamma=1"],
        ["--class_balanced_beta", "0.9"],
        ["--bf16", "false", "--fp16", "true"],
        *(
            ["--finetune", f"minilm_tuned.{change}"]
            for change in (
                "epochs=1",
                "learning_rate=1e-5",
                "batch_size=8",
                "gradient_accumulation_steps=8",
                "freeze_embeddings=true",
                "top_layers=2",
                "lora_rank=4",
                "head_learning_rate=2e-3",
                "seed=7",
                "lr_scheduler_type=cosine",
                "warmup=0",
                "weight_decay=0",
                "loss=focal",
            )
        ),
    ],
    ids=" ".join,
)
def test_what_changes_the_result_changes_its_key(flags):
    assert key(*flags) != key()


def test_other_data_and_another_seed_change_the_key():
    others = {key(labels=(0, 1, 1)), key(validation=(0, 1, 1)), key(num_labels=4), key(seed=43), key()}
    assert len(others) == 5


@pytest.mark.parametrize(
    "flags",
    [
        ["--tuned_weight", "2.0"],
        ["--lexical_weight", "0.1"],
        ["--num_train_epochs", "1"],
        ["--max_steps", "7"],
        ["--adam_beta2", "0.9"],
        ["--learning_rate", "0.1"],
        ["--metric_for_best_model", "loss"],
        ["--num_runs", "5"],
        ["--output_dir", "elsewhere"],
        ["--hub_token", "secret"],
    ],
    ids=" ".join,
)
def test_what_only_the_head_is_made_of_does_not(flags):
    assert key(*flags) == key()


def test_a_block_is_read_checked_and_overridden_by_name_or_for_all():
    blocks = {"a": {"epochs": 2, "learning_rate": "1e-4"}, "b": {}}
    assert read_blocks(blocks, []) == {"a": Finetune(epochs=2.0, learning_rate=1e-4), "b": Finetune()}
    changed = read_blocks(blocks, ["a.top_layers=2", "epochs=5", "b.loss=focal", "b.loss_options={gamma: 1}"])
    assert (changed["a"].top_layers, changed["a"].epochs, changed["b"].epochs) == (2, 5, 5)
    assert (changed["b"].loss, changed["b"].loss_options) == ("focal", {"gamma": 1})


@pytest.mark.parametrize(
    ("block", "facts"),
    [
        ({"epoch": 1}, "'tiny': finetune has the unknown key 'epoch'. Did you mean 'epochs'?"),
        ({"epochs": 0}, "epochs is 0: expected a number from 0.001"),
        ({"batch_size": 2.5}, "batch_size is 2.5: expected a whole number from 1"),
        ({"batch_size": True}, "batch_size is True"),
        ({"top_layers": -1}, "top_layers is -1: expected a whole number from 0"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast': expected a number"),
        ({"freeze_embeddings": "yes"}, "freeze_embeddings is 'yes': expected true or false"),
        ({"lr_scheduler_type": "steep"}, "lr_scheduler_type is 'steep': expected one of ['linear'"),
        ({"loss_options": {"gamma": 1}}, "loss is None: expected a loss where loss_options"),
        ({"loss": "focal", "loss_options": [1]}, "loss_options is [1]: expected name: number"),
    ],
)
def test_a_block_that_is_not_understood_names_backbone_and_key(block, facts):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        read_blocks({"tiny": block}, [])
    assert facts in str(error.value)


@pytest.mark.parametrize("override", ["b.epochs=1", "epochs", "epochs=", "=1"])
def test_an_override_of_nothing_is_refused(override):
    with pytest.raises(ValueError, match=r"expected NAME.KEY=VALUE .*\['a'\]"):
        read_blocks({"a": {}}, [override])


def test_an_override_where_nothing_is_fine_tuned_is_refused():
    with pytest.raises(ValueError, match=r"the recipe fine-tunes \[\]"):
        parse(["--recipe", "minilm", "--finetune", "epochs=1"])


def test_a_backbone_with_a_block_is_fine_tuned_and_one_without_is_not(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "backbones:\n  - {name: a, model_id: user/a, finetune: }\n  - {name: b, model_id: user/b}\n", encoding="utf-8"
    )
    recipe = load_recipe(str(file))
    assert [backbone.tuned for backbone in recipe.backbones] == [True, False]
    assert recipe.finetune == {"a": {}}


@pytest.mark.parametrize(
    ("key", "facts"),
    [("tuned: true", "no key 'tuned'. .*finetune: {epochs: 3}"), ("finetune: true", "finetune is True: expected")],
)
def test_a_recipe_that_says_fine_tuning_otherwise_is_refused_with_the_way(tmp_path, key, facts):
    file = tmp_path / "mine.yaml"
    file.write_text(f"backbones:\n  - {{name: a, model_id: user/a, {key}}}\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=facts):
        load_recipe(str(file))


@pytest.fixture
def small(tmp_path):
    """Fine-tunes a stand-in of three layers (DistilBERT: two) by a block; gives all weights before and after."""

    def run(kind: str = "bert", **block):
        (backbone,) = check_backbones(
            [{"name": "small", "model_id": str(standin(kind, tmp_path / kind, layers=3)), "tuned": True}]
        )
        backbone = pin(backbone).replace(resolved_dtype="bfloat16")  # where it serves
        data = DatasetDict({name: Dataset.from_dict({"text": TEXTS * 8}) for name in ("train", "validation")})
        labels = {name: np.array([0, 1, 2] * 8) for name in data}
        options = parse(["--bf16", "false"]).training
        task = Task(data, labels, 3, options, tmp_path / "cache")
        block = Finetune(epochs=1, learning_rate=1e-2, **block)
        check_block(backbone, block)
        tuned, head = finetune(backbone, block, task, seed=1)
        full = {"dtype": "float32", "resolved_dtype": None}
        before, after = (BackboneEncoder(one.replace(**full)).model.state_dict() for one in (backbone, tuned))
        return before, after, head

    return run


def moved(before: dict, after: dict) -> set[str]:
    """Names of the weights that differ in any bit."""
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


@pytest.mark.parametrize("kind", ["bert", "distilbert", "llama"])
@pytest.mark.parametrize("top_layers", [0, 1, 2])
def test_only_the_top_layers_move_and_the_frozen_ones_stay_bit_by_bit(small, kind, top_layers):
    before, after, _ = small(kind, top_layers=top_layers)
    depth = 2 if kind == "distilbert" else 3
    # encoder.layer.0.… of BERT, transformer.layer.0.… of DistilBERT, layers.0.… of Llama
    changed = {name.partition("layer")[2].partition(".")[2].partition(".")[0] for name in moved(before, after)}
    assert changed == {str(layer) for layer in range(depth - top_layers, depth)}


def test_without_top_layers_every_layer_and_the_embeddings_move(small):
    before, after, _ = small()
    changed = moved(before, after)
    for part in ("embeddings.word_embeddings", *(f"encoder.layer.{layer}." for layer in range(3))):
        assert any(part in name for name in changed), part


def test_that_training_computes_in_float32_is_no_reason_to_warn(small, caplog):
    small()
    assert "computes in float32" not in caplog.text


def test_frozen_embeddings_stay_and_the_layers_move(small):
    before, after, _ = small(freeze_embeddings=True)
    changed = moved(before, after)
    assert "embeddings.word_embeddings.weight" not in changed
    assert any("encoder.layer.0." in name for name in changed)


def test_more_layers_than_there_are_are_refused_before_any_work(small, tmp_path):
    with pytest.raises(ValueError, match=r"'small', finetune: top_layers is 4, but it has 3 layers"):
        small(top_layers=4)
    assert not (tmp_path / "cache").exists()


def test_a_block_obeys_its_own_loss_class_weights_and_schedule(small):
    results = [small(**block)[2] for block in ({}, {"loss": "focal"}, {"lr_scheduler_type": "constant"})]
    assert not torch.equal(results[0]["dense.weight"], results[1]["dense.weight"])
    assert not torch.equal(results[0]["dense.weight"], results[2]["dense.weight"])


def test_the_classification_layer_has_a_learning_rate_of_its_own(small):
    before, after, slow = small(head_learning_rate=1e-6)
    _, _, fast = small(head_learning_rate=1e-1)
    again = small(head_learning_rate=1e-6)[2]
    assert moved(before, after)  # the backbone at its own rate
    assert all(torch.equal(slow[name], again[name]) for name in slow)
    spread = {name: float((fast[name] - slow[name]).abs().max()) for name in slow}
    assert min(spread.values()) > 1e-2, spread
