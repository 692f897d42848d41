"""The embedded data set `sample`: its rules, and that the checks reject what breaks them."""

import csv
import json
import re
import unicodedata
from collections import Counter, defaultdict
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "extraction" / "sample"
SPLITS = {"train": 0.70, "validation": 0.15, "test": 0.15}
REGISTERS = {"social_post", "chat", "diary", "review", "work_mail", "support_ticket", "dialogue"}
# The labels, neutral last, and how the words begin that name them outright.
STEMS = {
    "admiration": "admir",
    "amusement": "amus",
    "anger": "ang",
    "annoyance": "annoy",
    "approval": "approv",
    "caring": "care",
    "confusion": "confus",
    "curiosity": "curio",
    "desire": "desir",
    "disappointment": "disappoint",
    "disapproval": "disapprov",
    "disgust": "disgust",
    "embarrassment": "embarrass",
    "excitement": "excit",
    "fear": "fear",
    "gratitude": "grat",
    "grief": "grie",
    "joy": "joy",
    "love": "lov",
    "nervousness": "nervous",
    "optimism": "optimis",
    "pride": "prou",
    "realization": "reali",
    "relief": "relie",
    "remorse": "remorse",
    "sadness": "sad",
    "surprise": "surpris",
    "neutral": "neutral",
}
LABELS = list(STEMS)
EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
TYPED_IN_HASTE = re.compile(
    r"\b(dont|cant|didnt|wont|isnt|thats|whats|youre|theyre|hes|im|ive|doesnt|havent|wouldve)\b", re.I
)
NEGATION = re.compile(r"\b(not|no|never|nobody|nothing|\w+n't|cannot|without)\b", re.I)


@cache
def rows(split: str) -> tuple[dict, ...]:
    lines = (FOLDER / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def all_rows() -> list[dict]:
    return [row for split in SPLITS for row in rows(split)]


def all_texts() -> list[str]:
    return [row["text"] for row in all_rows()]


def words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'"))


STOP_WORDS = set(
    words(
        "a about after all am an and any are as at b be been before but by can could did do does for from get had has "
        "have he her him his how i i'd i'll i'm i've if im in into is it it's its just like me my no not now of off on "
        "one or our out over she so some than that the their them then there they this to too two up us was we were "
        "what when which who why will with would you your"
    )
)


def label_counts(examples) -> Counter:
    return Counter(label for row in examples for label in row["labels"])


def share(examples, condition) -> float:
    return sum(bool(condition(row)) for row in examples) / len(examples)


def uneven_labels(splits: dict[str, list[dict]], tolerance: float) -> list[tuple[str, str]]:
    """Labels of which a split holds more or less than its share, by more than the tolerance."""
    counts = {split: label_counts(examples) for split, examples in splits.items()}
    total = sum(counts.values(), Counter())
    return [
        (split, label)
        for split, expected in SPLITS.items()
        for label in total
        if abs(counts[split][label] / total[label] - expected) > tolerance
    ]


def duplicates(texts: list[str]) -> list[str]:
    """Texts that differ from an earlier one by case, spaces and punctuation at most; signs count where words lack."""
    counts = Counter(" ".join(words(text)) or "".join(text.split()) for text in texts)
    return [text for text, count in counts.items() if count > 1]


def common_words(texts: list[str]) -> set[str]:
    """Words that occur in at least one text in 200."""
    counts = Counter(word for text in texts for word in set(words(text)))
    return {word for word, count in counts.items() if count >= len(texts) / 200}


def near_duplicates(texts: list[str], common: set[str]) -> list[tuple[str, str]]:
    """Pairs that share two or more runs of four words, or one run with a word that is not common."""
    holders = defaultdict(set)
    for number, text in enumerate(texts):
        tokens = words(text)
        for start in range(len(tokens) - 3):
            holders[tuple(tokens[start : start + 4])].add(number)
    shared = defaultdict(list)
    for run, numbers in holders.items():
        for pair in combinations(sorted(numbers), 2):
            shared[pair].append(run)
    return [
        (texts[first], texts[second])
        for (first, second), runs in shared.items()
        if len(runs) > 1 or not common.issuperset(runs[0])
    ]


def giveaways(texts: list[str], stem: str) -> list[str]:
    """Content words, and the stem of the label's name, that more than half of a label's texts contain."""
    counts = Counter(word for text in texts for word in set(words(text)) - STOP_WORDS)
    counts[f"{stem}..."] = sum(any(word.startswith(stem) for word in words(text)) for text in texts)
    return [word for word, count in counts.items() if count > len(texts) / 2]


def unsound_texts(texts: list[str]) -> list[str]:
    """Texts with control characters or replacement signs, loose spaces, or not 1 to 60 words."""
    return [
        text
        for text in texts
        if any(unicodedata.category(sign) in {"Cc", "Cs", "Co", "Cn"} or sign == "\ufffd" for sign in text)
        or text != " ".join(text.split())
        or not 1 <= len(text.split()) <= 60
    ]


def test_every_row_has_an_id_a_text_known_labels_and_a_register():
    for row in all_rows():
        assert list(row) == ["id", "text", "labels", "register"]
        assert re.fullmatch(r"s\d{4}", row["id"])
        assert row["labels"]
        assert row["labels"] == sorted(set(row["labels"]), key=LABELS.index)
        assert row["register"] in REGISTERS


def test_neutral_stands_alone():
    assert all(row["labels"] == ["neutral"] for row in all_rows() if "neutral" in row["labels"])


def test_there_are_9482_rows_and_each_label_has_at_least_200():
    counts = label_counts(all_rows())
    assert len(all_rows()) == 9482
    assert set(counts) == set(LABELS)
    assert min(counts.values()) >= 200


def test_at_least_one_row_in_six_has_several_labels():
    assert share(all_rows(), lambda row: len(row["labels"]) > 1) >= 1 / 6


def test_ids_are_unique():
    assert len({row["id"] for row in all_rows()}) == len(all_rows())


@pytest.mark.parametrize(("split", "expected"), SPLITS.items())
def test_splits_hold_70_15_and_15_percent(split, expected):
    assert len(rows(split)) / len(all_rows()) == pytest.approx(expected, abs=0.01)


def test_each_split_has_its_share_of_each_label():
    assert uneven_labels({split: rows(split) for split in SPLITS}, tolerance=0.03) == []


def test_a_label_missing_from_a_split_counts_as_uneven():
    even = [{"labels": ["joy"]}] * 20
    splits = {"train": even * 7, "validation": even * 3, "test": [{"labels": ["fear"]}]}
    assert {("test", "joy"), ("validation", "joy"), ("train", "fear")} <= set(uneven_labels(splits, tolerance=0.03))


@pytest.mark.parametrize("split", SPLITS)
def test_rows_of_a_split_are_shuffled(split):
    firsts = [row["labels"][0] for row in rows(split)]
    same_as_next = sum(first == second for first, second in pairwise(firsts))
    assert same_as_next < len(firsts) * 0.15


@pytest.mark.parametrize("split", SPLITS)
def test_each_register_is_at_least_three_percent_of_each_split(split):
    counts = Counter(row["register"] for row in rows(split))
    assert set(counts) == REGISTERS
    assert min(counts.values()) >= 0.03 * len(rows(split))


def test_each_label_occurs_in_all_registers():
    pairs = {(label, row["register"]) for row in all_rows() for label in row["labels"]}
    assert len(pairs) == len(LABELS) * len(REGISTERS)


def test_no_text_occurs_twice_within_or_across_splits():
    assert duplicates(all_texts()) == []


@pytest.mark.parametrize("copy", ["so glad its over", "So glad... its OVER!", " so  glad its over 🎉"])
def test_a_copy_with_other_case_or_punctuation_is_a_duplicate(copy):
    assert duplicates(["so glad its over", copy]) == ["so glad its over"]


def test_texts_made_of_different_signs_are_no_duplicates():
    assert duplicates(["😂😂", "😭", ":)", "?????"]) == []
    assert duplicates(["😂😂", "😂😂"]) == ["😂😂"]


def test_no_two_texts_are_near_duplicates_within_or_across_splits():
    assert near_duplicates(all_texts(), common_words(all_texts())) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("I burnt the whole lasagne", "last night i burnt the whole lasagne."),
        ("a lasagne for the two of us", "Half a lasagne for the dog"),
        ("It was the end of it all", "not the end of it all"),
    ],
    ids=["two runs with rare words", "one run with a rare word", "two runs of common words"],
)
def test_planted_near_duplicates_are_rejected(first, second):
    common = {"the", "end", "of", "it", "all", "a", "for"}
    assert near_duplicates([first, "unrelated words stand here", second], common) == [(first, second)]


def test_one_shared_run_of_common_words_is_allowed():
    assert near_duplicates(["the end of it all", "the end of it, I hope"], {"the", "end", "of", "it"}) == []


def test_common_words_are_those_in_one_text_of_200():
    assert common_words(["the end"] * 2 + ["the dog"] + ["hm"] * 397) == {"the", "end", "hm"}


def test_no_text_is_one_of_the_behavioural_tests_or_nearly_so():
    with (FOLDER.parents[1] / "training" / "behaviour.csv").open(encoding="utf-8", newline="") as file:
        pairs = [(row["first"], row["second"]) for row in csv.DictReader(file)]
    tests = {text for pair in pairs for text in pair}
    texts = all_texts()
    near = near_duplicates([*texts, *tests], common_words(texts))
    assert [pair for pair in near if len(tests.intersection(pair)) == 1] == []
    assert duplicates([*texts, *tests]) == []


def test_no_word_gives_a_label_away():
    by_label = {label: [row["text"] for row in all_rows() if label in row["labels"]] for label in LABELS}
    assert {label: found for label, texts in by_label.items() if (found := giveaways(texts, STEMS[label]))} == {}


def test_a_word_in_more_than_half_of_the_texts_gives_the_label_away():
    assert giveaways(["wow, snow", "Wow!", "oh wow ok", "no way"], "surpris") == ["wow"]
    assert giveaways(["i loved it", "love you", "Lovely", "aw"], "lov") == ["lov..."]
    assert giveaways(["it was the end", "and it was late", "it broke"], "sad") == []


def test_texts_have_1_to_60_words_and_no_control_characters():
    assert unsound_texts(all_texts()) == []


@pytest.mark.parametrize(
    "bad", ["", "   ", "bell\x07", "two\nlines", "tab\there", "lost \ufffd sign", "two  spaces", "word " * 61, " edge"]
)
def test_unsound_texts_are_rejected(bad):
    assert unsound_texts([bad]) == [bad]


def test_short_and_long_texts_both_occur():
    lengths = [len(text.split()) for text in all_texts()]
    assert sum(length <= 4 for length in lengths) >= 0.05 * len(lengths)
    assert sum(length >= 31 for length in lengths) >= 0.05 * len(lengths)


@pytest.mark.parametrize(
    ("pattern", "least"),
    [(EMOJI, 0.05), (TYPED_IN_HASTE, 0.03), (NEGATION, 0.15), (re.compile(r"\[NAME\]"), 0.03)],
    ids=["emoji", "missing apostrophes", "negation", "masked names"],
)
def test_texts_are_written_as_people_write(pattern, least):
    assert share(all_rows(), lambda row: pattern.search(row["text"])) >= least


def test_patterns_find_what_they_are_for_and_nothing_in_plain_text():
    assert EMOJI.search("fine 😂")
    assert TYPED_IN_HASTE.search("Dont ask")
    assert NEGATION.search("I didn't")
    assert not any(pattern.search("A plain statement of fact.") for pattern in (EMOJI, TYPED_IN_HASTE, NEGATION))


@pytest.mark.parametrize("split", SPLITS)
def test_files_are_utf8_with_unix_line_ends_and_readable_signs(split):
    content = (FOLDER / f"{split}.jsonl").read_bytes()
    assert not content.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in content
    assert content.endswith(b"}\n")
    assert "\\u" not in content.decode("utf-8")


def test_the_card_has_front_matter_that_names_the_three_files():
    front_matter = yaml.safe_load((FOLDER / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert front_matter["license"] == "apache-2.0"
    assert front_matter["language"] == ["en"]
    assert front_matter["task_categories"] == ["text-classification"]
    files = {item["split"]: item["path"] for item in front_matter["configs"][0]["data_files"]}
    assert files == {split: f"{split}.jsonl" for split in SPLITS}


def test_the_card_states_the_counts_that_the_files_hold():
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    counts = {split: label_counts(rows(split)) for split in SPLITS}
    for label in LABELS:
        numbers = [counts[split][label] for split in SPLITS]
        assert f"| {label} | {' | '.join(map(str, numbers))} | {sum(numbers)} |" in card
    numbers = [len(rows(split)) for split in SPLITS]
    assert f"| **texts** | {' | '.join(map(str, numbers))} | {sum(numbers)} |" in card
