"""`python -m labels.learning_curve`: the law, the forecast, and what is told and written."""

import json
import re

import numpy as np
import pytest

from labels.learning_curve import Curve, largest_gains, run
from labels.power_law import fit, forecast
from tests.labels.made_texts import rows

SIZES = np.array([100.0, 200, 500, 1000, 2000])


def scores(a: float, b: float, c: float, noise: float = 0.0, seeds: int = 5) -> np.ndarray:
    law = 1 - a * SIZES**-b - c
    return law + np.random.default_rng(0).normal(0, noise, (seeds, len(SIZES)))


def test_a_law_is_found_again():
    a, b, c = fit(SIZES, scores(2.0, 0.4, 0.2, seeds=1)[0], np.ones(5))
    assert (a, b, c) == pytest.approx((2.0, 0.4, 0.2), rel=1e-3)


def test_the_forecast_holds_the_truth_in_its_range_and_is_wider_where_folds_differ_more():
    truth = (2 - 1) * 2.0 * (2000**-0.4 - 4000**-0.4)
    sure, unsure = (forecast(SIZES, scores(2.0, 0.4, 0.2, noise), 2000) for noise in (0.001, 0.02))
    assert sure.gain == pytest.approx(truth, abs=0.004)
    assert sure.range[0] - 0.004 <= truth <= sure.range[1] + 0.004
    assert np.diff(unsure.range) > np.diff(sure.range)
    assert sure.score(SIZES) == pytest.approx(scores(2.0, 0.4, 0.2, seeds=1)[0], abs=0.003)


def test_a_curve_that_is_flat_promises_nothing():
    flat = np.full((5, 5), 0.7) + np.random.default_rng(1).normal(0, 0.001, (5, 5))
    assert forecast(SIZES, flat, 2000).gain < 0.003


def test_the_labels_that_gained_most_come_first_with_their_error():
    per_label = np.zeros((4, 5, 3))
    per_label[:, -2:, 0] = [0.5, 0.5]
    per_label[:, -2:, 1] = [0.2, 0.4]
    per_label[:, -2:, 2] = [0.3, 0.35]
    per_label[::2, -1, 2] += 0.02
    gains = largest_gains(Curve(SIZES, np.zeros((4, 5)), per_label, "macro-F1"), ["a", "b", "c"])
    assert [gain[0] for gain in gains] == ["b", "c"]
    assert gains[0][1:] == pytest.approx((0.4, 0.2, 0.0))
    assert gains[1][3] > 0


@pytest.mark.parametrize("several", [False, True])
def test_a_curve_is_measured_told_and_drawn(folder, words_recipe, tmp_path, capsys, several):
    data = folder(train=rows(300, several=several), validation=rows(40, 1, several))
    flags = ["--dataset", str(data), "--recipe", words_recipe, "--seeds", "3"]
    assert run([*flags, "--output", str(tmp_path / "curve")]) == 0
    told = capsys.readouterr().out
    figures = json.loads((tmp_path / "curve" / "learning_curve.json").read_text(encoding="utf-8"))
    assert figures["metric"] == ("macro-F1" if several else "accuracy")
    assert figures["rows"] == pytest.approx([10, 20, 50, 100, 200], abs=2)
    means = np.mean(figures["scores"], axis=0)
    assert means[0] < means[-1] > 0.9
    assert re.search(r"Twice your 300 rows would bring about [+-]0\.\d{3}", told)
    low, high = figures["twice"]["range"]
    assert low <= figures["twice"]["gain"] + 0.02
    assert figures["twice"]["gain"] <= high + 0.02
    page = (tmp_path / "curve" / "index.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert not re.search(r"(src|href)=[\"']?https?:|url\(http", page)


def test_two_folds_are_refused_and_three_taken(folder, words_recipe, tmp_path, capsys):
    data = folder(train=rows(80), validation=rows(40, 1))
    flags = ["--dataset", str(data), "--recipe", words_recipe, "--output", str(tmp_path / "curve")]
    assert run([*flags, "--seeds", "2"]) == 1
    assert re.search(r"--seeds is 2: expected 3 or more", capsys.readouterr().err)
    assert run([*flags, "--seeds", "3"]) == 0
