"""The pictures: written whatever the labels are called and however many there are."""

import warnings

import numpy as np
import pytest
from PIL import Image

from training.plots import MAX_NAME, _neighbours, _short, write_plots

FILES = ["f1_by_label.png", "confusion.png", "calibration.png"]
ODD = ["😂 laughing", "<b>bold</b> & <script>", "a $x^$ \\frac", "喜び", "two\nlines", "_", "", "x" * 400]


def draw(folder, names: list[str], rows: int = 60, supported: bool = True, split: str = "test") -> list[Image.Image]:
    random = np.random.default_rng(0)
    probabilities = random.random((rows, len(names)))
    labels = (random.random((rows, len(names))) < supported * probabilities**4).astype(float)
    decisions = (probabilities > 0.9).astype(float)
    per_label = {
        name: {"f1": float(random.random()), "support": int(labels[:, number].sum())}
        for number, name in enumerate(names)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert write_plots(folder, per_label, probabilities, decisions, labels, split) == FILES
    return [Image.open(folder / file) for file in FILES]


@pytest.mark.parametrize("count", [1, 2, 28, 60])
def test_figures_are_written_for_few_labels_and_many(tmp_path, count):
    for image in draw(tmp_path / "new" / "folder", [f"label {number}" for number in range(count)]):
        assert image.width > 400
        assert image.width * image.height < 5_000_000
        assert len(image.convert("L").getcolors() or []) > 10


def test_a_thousand_labels_give_no_endless_picture(tmp_path):
    assert max(max(image.size) for image in draw(tmp_path, [f"label {number}" for number in range(1000)])) < 5000


def test_odd_names_are_drawn_as_they_are_and_without_a_warning(tmp_path):
    assert all(image.width < 2000 for image in draw(tmp_path, ODD))


def test_labels_without_an_example_are_drawn(tmp_path):
    draw(tmp_path, ["a", "b", "c"], supported=False, split="validation")


def test_a_single_row_is_enough(tmp_path):
    draw(tmp_path, ["a", "b"], rows=1)


def test_long_names_are_cut_and_lines_joined():
    assert _short("x" * 400) == "x" * (MAX_NAME - 1) + "…"
    assert _short("two\n lines") == "two lines"


def test_labels_that_are_confused_stand_side_by_side():
    share = np.eye(6)
    share[0, 3] = share[3, 0] = share[1, 5] = 0.4
    order = _neighbours(share).tolist()
    assert sorted(order) == list(range(6))
    assert abs(order.index(0) - order.index(3)) == 1
    assert abs(order.index(1) - order.index(5)) == 1
