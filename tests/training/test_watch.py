"""A loss that diverges stops training at once, with advice; one that is merely noisy does not."""

import math
import random

import pytest

from training.watch import LossWatch


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_training_at_the_batch(bad):
    watch = LossWatch("Lower --learning_rate.")
    watch.see(0.7)
    with pytest.raises(FloatingPointError, match=r"began at 0\.7 and is (nan|inf) now\. Lower --learning_rate\."):
        watch.see(bad)


def test_a_first_loss_that_is_no_number_stops_training():
    with pytest.raises(FloatingPointError):
        LossWatch("Lower --learning_rate.").see(math.nan)


def test_a_loss_that_climbs_stops_training_within_a_few_batches():
    watch = LossWatch("Lower --learning_rate.")
    for step in range(3):
        watch.see(0.7 * 3**step)
    with pytest.raises(FloatingPointError, match="The training diverges"):
        watch.see(0.7 * 3**4)


def test_noise_a_single_outlier_and_a_first_loss_of_nothing_are_no_divergence():
    rng = random.Random(0)
    for first in (0.0, 0.02, 0.7, 3.4):
        watch = LossWatch("")
        watch.see(first)
        for step in range(500):
            watch.see(first * rng.uniform(0.2, 3) + (20 * first if step == 200 else 0) + rng.uniform(0, 0.3))
