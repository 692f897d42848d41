"""Every loss against its equation, written out in NumPy."""

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax
from torch.nn import functional as F

from training.losses import (
    LOSSES,
    Asymmetric,
    BinaryCrossEntropy,
    CrossEntropy,
    Focal,
    LossSettings,
    class_balanced_weights,
    parse_options,
)

ROWS, LABELS = 13, 5


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(0, 3, (ROWS, LABELS)))


@pytest.fixture
def several() -> torch.Tensor:
    """0/1 targets; the last label has no example."""
    targets = np.random.default_rng(1).random((ROWS, LABELS)) < 0.3
    targets[:, -1] = False
    return torch.from_numpy(targets.astype(np.float64))


@pytest.fixture
def one() -> torch.Tensor:
    """Class ids; the last label has no example."""
    return torch.from_numpy(np.random.default_rng(2).integers(0, LABELS - 1, ROWS))


@pytest.fixture
def weight() -> torch.Tensor:
    return torch.tensor([0.5, 2.0, 1.0, 0.25, 3.0], dtype=torch.float64)


def test_bce_is_its_equation_with_and_without_weights(logits, several, weight):
    x, y = logits.numpy(), several.numpy()
    terms = -(y * np.log(expit(x)) + (1 - y) * np.log(1 - expit(x)))
    assert BinaryCrossEntropy()(logits, several).item() == pytest.approx(terms.mean(), rel=1e-9)
    assert BinaryCrossEntropy(weight)(logits, several).item() == pytest.approx((terms * weight.numpy()).mean())


def test_cross_entropy_is_its_equation_with_weights(logits, one, weight):
    x, y, w = logits.numpy(), one.numpy(), weight.numpy()
    terms = -log_softmax(x, axis=1)[np.arange(ROWS), y]
    assert CrossEntropy()(logits, one).item() == pytest.approx(terms.mean())
    assert CrossEntropy(weight)(logits, one).item() == pytest.approx((w[y] * terms).sum() / w[y].sum())


def test_label_smoothing_spreads_the_target_over_all_labels(logits, one):
    soft = 0.9 * np.eye(LABELS)[one.numpy()] + 0.1 / LABELS
    expected = -(soft * log_softmax(logits.numpy(), axis=1)).sum(axis=1).mean()
    assert CrossEntropy(label_smoothing=0.1)(logits, one).item() == pytest.approx(expected)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 3.5])
def test_focal_loss_of_class_ids_is_its_equation(logits, one, weight, gamma):
    x, y, w = logits.numpy(), one.numpy(), weight.numpy()
    p = np.exp(log_softmax(x, axis=1))[np.arange(ROWS), y]
    terms = -((1 - p) ** gamma) * np.log(p)
    assert Focal(gamma=gamma)(logits, one).item() == pytest.approx(terms.mean())
    assert Focal(weight, gamma)(logits, one).item() == pytest.approx((w[y] * terms).sum() / w[y].sum())


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 3.5])
def test_focal_loss_of_several_labels_is_its_equation(logits, several, weight, gamma):
    x, y, w = logits.numpy(), several.numpy(), weight.numpy()
    p = np.where(y == 1, expit(x), expit(-x))
    terms = -((1 - p) ** gamma) * np.log(p)
    assert Focal(gamma=gamma)(logits, several).item() == pytest.approx(terms.mean())
    assert Focal(weight, gamma)(logits, several).item() == pytest.approx((terms * w).mean())


@pytest.mark.parametrize(("positive", "negative", "clip"), [(0, 2, 0.05), (1, 4, 0.05), (0.5, 0.5, 0.2), (0, 4, 0)])
def test_asymmetric_loss_is_its_equation(logits, several, weight, positive, negative, clip):
    x, y, w = logits.numpy(), several.numpy(), weight.numpy()
    p = expit(x)
    shifted = np.maximum(p - clip, 0)
    terms = -y * (1 - p) ** positive * np.log(p) - (1 - y) * shifted**negative * np.log(1 - shifted)
    options = {"gamma_positive": positive, "gamma_negative": negative, "clip": clip}
    assert Asymmetric(**options)(logits, several).item() == pytest.approx(terms.mean())
    assert Asymmetric(weight, **options)(logits, several).item() == pytest.approx((terms * w).mean())


def test_focal_loss_with_gamma_0_is_cross_entropy(logits, one, several, weight):
    assert Focal(weight, gamma=0)(logits, one).item() == pytest.approx(CrossEntropy(weight)(logits, one).item())
    expected = BinaryCrossEntropy(weight)(logits, several).item()
    assert Focal(weight, gamma=0)(logits, several).item() == pytest.approx(expected)


@pytest.mark.parametrize("scale", [1, 1e4])
def test_asymmetric_loss_without_focus_and_clip_is_bce(logits, several, scale):
    found = Asymmetric(gamma_positive=0, gamma_negative=0, clip=0)(logits * scale, several)
    assert found.item() == pytest.approx(BinaryCrossEntropy()(logits * scale, several).item())


def test_asymmetric_loss_forgives_negatives_below_the_clip():
    logits = torch.tensor([[-3.2]], requires_grad=True)  # p = 0.039
    loss = Asymmetric(clip=0.05)(logits, torch.zeros(1, 1))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.item() == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("bce", {}),
        ("cross_entropy", {"label_smoothing": 0.1}),
        *[("focal", {"gamma": gamma}) for gamma in (0, 0.5, 2)],
        ("asymmetric", {}),
        ("asymmetric", {"gamma_positive": 0.5, "gamma_negative": 0.5}),
        ("asymmetric", {"clip": 0}),
    ],
)
@pytest.mark.parametrize("size", [0.0, 20.0, 1e4])
def test_losses_and_gradients_are_finite_at_extreme_logits(name, options, size):
    signs = torch.tensor([[1.0, -1, 1, -1], [-1, 1, -1, 1], [1, 1, -1, -1]])
    logits = (signs * size).requires_grad_()
    ids = torch.tensor([0, 1, 3])
    targets = {"cross_entropy": [ids], "focal": [ids, torch.eye(4)[ids]]}.get(name, [torch.eye(4)[ids]])
    for target in targets:
        logits.grad = None
        loss = LOSSES[name](**options)(logits, target)
        loss.backward()
        assert loss.isfinite()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize(("name", "options"), [("bce", {}), ("focal", {}), ("asymmetric", {"clip": 0.0})])
def test_a_wrong_negative_at_an_extreme_logit_is_still_pulled_down(name, options):
    logits = torch.full((1, 2), 60.0, requires_grad=True)
    LOSSES[name](**options)(logits, torch.zeros(1, 2)).backward()
    assert logits.grad is not None
    assert (logits.grad > 0.1).all()


def test_gradients_agree_with_numerical_ones(logits, several, one):
    logits = logits[:3].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: Asymmetric(gamma_positive=1)(x, several[:3]), logits)
    assert torch.autograd.gradcheck(lambda x: Focal()(x, several[:3]), logits)
    assert torch.autograd.gradcheck(lambda x: Focal(gamma=1.5)(x, one[:3]), logits)


def test_class_balanced_weights_are_their_equation_and_average_1():
    counts = np.array([1, 10, 100, 4000])
    expected = (1 - 0.999) / (1 - 0.999**counts)
    weights = class_balanced_weights(torch.from_numpy(counts), 0.999)
    np.testing.assert_allclose(weights, expected / expected.mean(), rtol=1e-6)
    assert weights.mean().item() == pytest.approx(1)


def test_class_balanced_weights_go_from_equal_to_inverse_frequency():
    counts = torch.tensor([1, 10, 100])
    np.testing.assert_allclose(class_balanced_weights(counts, 0.0), [1, 1, 1])
    inverse = 1 / counts.double()
    np.testing.assert_allclose(class_balanced_weights(counts, 1 - 1e-9), inverse / inverse.mean(), rtol=1e-4)


def test_a_label_without_an_example_weighs_as_one_with_one():
    weights = class_balanced_weights(torch.tensor([0, 1, 50]), 0.99)
    assert weights[0] == weights[1]
    assert weights.isfinite().all()


@pytest.mark.parametrize("beta", [1.0, 1.5, -0.1])
def test_an_impossible_beta_is_refused(beta):
    with pytest.raises(ValueError, match=r"class_balanced_beta is .*: expected 0 or more and less than 1"):
        class_balanced_weights(torch.tensor([1, 2]), beta)


@pytest.mark.parametrize("name", ["bce", "asymmetric"])
def test_losses_of_several_labels_refuse_class_ids_and_name_those_that_fit(name, logits, one):
    with pytest.raises(ValueError, match=rf"the loss {name} is not for: .*'cross_entropy', 'focal'"):
        LOSSES[name]()(logits, one)
    with pytest.raises(ValueError, match=name):
        LossSettings(name, {}).make(one.numpy(), LABELS)


def test_cross_entropy_refuses_several_labels(logits, several):
    with pytest.raises(ValueError, match=r"cross_entropy is not for: .*'asymmetric', 'bce', 'focal'"):
        CrossEntropy()(logits, several)


def test_the_loss_without_a_name_is_that_of_the_labels(one, several):
    settings = LossSettings(None, {})
    assert isinstance(settings.make(one.numpy(), LABELS), CrossEntropy)
    assert isinstance(settings.make(several.numpy(), LABELS), BinaryCrossEntropy)


def test_a_loss_is_made_with_its_options_and_class_weights(one, several):
    loss = LossSettings("focal", {"gamma": 1.5}, class_balanced_beta=0.9).make(several.numpy(), LABELS)
    assert (loss.name, loss.gamma) == ("focal", 1.5)
    counts = torch.from_numpy(several.numpy().sum(axis=0))
    torch.testing.assert_close(loss.weight, class_balanced_weights(counts, 0.9))
    ids = LossSettings("focal", {}, class_balanced_beta=0.9).make(one.numpy(), LABELS)
    torch.testing.assert_close(ids.weight, class_balanced_weights(torch.bincount(one, minlength=LABELS), 0.9))


@pytest.mark.parametrize(
    ("name", "options", "facts"),
    [
        ("focal", {"clip": 0.1}, r"focal has no option 'clip'.*\['gamma'\].*asymmetric"),
        (None, {"label_smoothing": 0.1}, "bce has no option 'label_smoothing'.*cross_entropy"),
        ("focal", {"gamma": -1.0}, "gamma is -1.0: expected 0 to 100"),
        ("asymmetric", {"clip": float("nan")}, "clip is nan"),
        ("dice", {}, r"no loss 'dice': choose one of \['asymmetric', 'bce'"),
    ],
)
def test_an_option_that_the_loss_would_not_obey_is_refused(several, name, options, facts):
    with pytest.raises(ValueError, match=facts):
        LossSettings(name, options).make(several.numpy(), LABELS)


def test_options_are_read_from_words():
    assert parse_options(["gamma=1.5", "clip=0"]) == {"gamma": 1.5, "clip": 0.0}
    with pytest.raises(ValueError, match=r"'gamma' is not understood: .*gamma=2"):
        parse_options(["gamma"])


def test_bce_accepts_integer_targets(logits, several):
    assert BinaryCrossEntropy()(logits, several.to(torch.uint8)) == F.binary_cross_entropy_with_logits(logits, several)
