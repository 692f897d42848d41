"""The head at the reference's exact shapes, against a transcription of the published equations."""

import numpy as np
import pytest
import torch
from torch import nn

from common.recipes import load_recipe
from fusion_model import FusionConfig, FusionForSequenceClassification
from fusion_model.head import Standardise, power_normalise
from training.dropout import ByteDropout

WIDTHS = {"llama2": (5, 4096), "bert": (1, 1024), "roberta": (1, 1024)}


def reference_config(num_labels: int, **changes) -> FusionConfig:
    """What `--recipe llmembed` builds, with the backbones' hidden sizes filled in as training does."""
    recipe = load_recipe("llmembed")
    backbones = [spec.replace(hidden_size=WIDTHS[spec.name][1]) for spec in recipe.backbones]
    names = FusionConfig.__annotations__.keys()
    head = {key: value for key, value in recipe.defaults.items() if key in names}
    labels = {i: f"emotion {i}" for i in range(num_labels)}
    return FusionConfig(
        backbones=backbones, id2label=labels, label2id={v: k for k, v in labels.items()}, **{**head, **changes}
    )


@pytest.mark.parametrize(("num_labels", "count"), [(27, 25_491_483), (32, 25_492_768)])
def test_the_reference_head_has_exactly_the_reference_number_of_parameters(num_labels, count):
    with torch.device("meta"):
        model = FusionForSequenceClassification(reference_config(num_labels))
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    assert model.num_parameters() == count


def transcribed(features: dict[str, torch.Tensor], weights: dict[str, torch.Tensor], sigma: float) -> torch.Tensor:
    """DESIGN.md's paragraph "Head", text by text: slots compressed where they are not 1024 wide (ReLU), their products
    power-normalised with tanh(2 sigma X), the LLM's mean over layers appended, 1024 -> 256 -> labels with ReLU."""
    logits = []
    for llama, bert, roberta in zip(features["llama2"], features["bert"], features["roberta"], strict=True):
        layers = llama.reshape(5, 4096)
        rows = []
        for i in range(5):
            w, b = weights[f"heads.0.compress.{i}.0.weight"], weights[f"heads.0.compress.{i}.0.bias"]
            rows.append(torch.clamp(w @ layers[i] + b, min=0))
        rows += [bert, roberta]
        products = torch.stack([torch.dot(first, second) for first in rows for second in rows])
        x = torch.cat([torch.tanh(2 * sigma * products), layers.sum(dim=0) / 5])
        for i in (0, 3):
            w, b = weights[f"heads.0.classifier.{i}.weight"], weights[f"heads.0.classifier.{i}.bias"]
            x = torch.clamp(w @ x + b, min=0)
        logits.append(weights["heads.0.classifier.6.weight"] @ x + weights["heads.0.classifier.6.bias"])
    return torch.stack(logits)


@pytest.mark.parametrize(("sigma", "size"), [(1.0, 0.02), (0.25, 0.2)])
def test_logits_and_all_gradients_equal_a_transcription_in_float64(sigma, size):
    torch.manual_seed(0)
    model = FusionForSequenceClassification(reference_config(27, sigma=sigma)).double().eval()
    features, copies = {}, {}
    for name, (slots, width) in WIDTHS.items():
        features[name] = (torch.randn(3, slots * width, dtype=torch.float64) * size).requires_grad_()
        copies[name] = features[name].detach().clone().requires_grad_()
    labels = torch.tensor([3, 0, 26])
    output = model(features, labels=labels)
    output.loss.backward()

    weights = {name: value.detach().clone().requires_grad_() for name, value in model.named_parameters()}
    expected = transcribed(copies, weights, sigma)
    loss = -torch.log_softmax(expected, dim=1)[torch.arange(3), labels].mean()
    loss.backward()

    products = torch.tanh(2 * sigma * (features["bert"] * features["roberta"]).sum(dim=1))
    assert products.abs().max() < 1, "saturated inputs would prove nothing"
    torch.testing.assert_close(output.logits, expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(output.loss, loss, rtol=1e-10, atol=1e-12)
    assert weights.keys() == dict(model.named_parameters()).keys()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
        torch.testing.assert_close(parameter.grad, weights[name].grad, rtol=1e-8, atol=1e-13, msg=name)
    for name, copy in copies.items():
        torch.testing.assert_close(features[name].grad, copy.grad, rtol=1e-8, atol=1e-13, msg=name)


def test_a_quarter_of_sigma_gives_the_numbers_of_the_reference_code():
    x = np.linspace(-30, 30, 2001)
    code = 2 / (1 + np.exp(-1.0 * x)) - 1
    text = np.tanh(2 * 1.0 * x)
    np.testing.assert_allclose(power_normalise(torch.from_numpy(x), 0.25).numpy(), code, atol=1e-14)
    np.testing.assert_allclose(power_normalise(torch.from_numpy(x), 1.0).numpy(), text, atol=1e-14)
    assert power_normalise(torch.tensor([7.5]), 0.0).item() == 7.5


def test_slots_that_are_fusion_dim_wide_already_have_no_parameters():
    with torch.device("meta"):
        model = FusionForSequenceClassification(reference_config(27))
    kinds = [type(layer) for layer in model.heads[0].compress]
    assert kinds == [nn.Sequential] * 5 + [nn.Identity] * 2


def test_the_order_of_the_features_dict_changes_nothing(make_model):
    model = make_model(input_dropout=0.5, dropout=0.5).train()
    features = {spec.name: torch.randn(4, spec.width) for spec in model.config.backbones}
    torch.manual_seed(5)
    first = model(features).logits
    torch.manual_seed(5)
    torch.testing.assert_close(model(dict(reversed(features.items()))).logits, first, rtol=0, atol=0)


def test_features_that_are_missing_or_have_another_width_are_named(make_model):
    model = make_model()
    features = {spec.name: torch.randn(2, spec.width) for spec in model.config.backbones}
    with pytest.raises(ValueError, match=r"Features of \['bert', 'roberta'\] were given: those of \['bert', 'llama'"):
        model({name: x for name, x in features.items() if name != "llama"})
    with pytest.raises(ValueError, match=r"Features of 'bert' have the shape \(2, 31\): expected \(batch, 32\)"):
        model({**features, "bert": features["bert"][:, 1:]})
    with pytest.raises(ValueError, match="'other'"):
        model({**features, "other": features["bert"]})


def test_labels_give_the_loss_of_the_problem_type_averaged_over_members(make_model):
    torch.manual_seed(0)
    for problem, labels in (
        ("multi_label_classification", torch.randint(0, 2, (6, 5))),
        ("single_label_classification", torch.randint(0, 5, (6,))),
    ):
        model = make_model(problem_type=problem, num_members=3).train()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        features = {spec.name: torch.randn(6, spec.width) for spec in model.config.backbones}
        output = model(features, labels=labels)
        assert output.member_logits.shape == (3, 6, 5)
        function = nn.BCEWithLogitsLoss() if labels.ndim == 2 else nn.CrossEntropyLoss()
        target = labels.float() if labels.ndim == 2 else labels
        expected = torch.stack([function(logits, target) for logits in output.member_logits]).mean()
        torch.testing.assert_close(output.loss, expected)
        torch.testing.assert_close(output.logits, output.member_logits.mean(dim=0))


def test_standardising_gives_mean_zero_and_deviation_one_and_cuts_outliers():
    x = torch.randn(1000, 3) * torch.tensor([1.0, 5.0, 0.01]) + torch.tensor([0.0, -2.0, 4.0])
    layer = Standardise(3)
    layer.mean.copy_(x.mean(dim=0))
    layer.scale.copy_(1 / x.std(dim=0))
    torch.testing.assert_close(layer(x).mean(dim=0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(layer(x).std(dim=0), torch.ones(3), atol=1e-4, rtol=0)
    assert layer(torch.full((1, 3), 6e4)).max() == 8


@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 0.999])
def test_dropout_drops_its_share_and_keeps_the_mean(p):
    layer = ByteDropout(p).train()
    torch.manual_seed(0)
    x = torch.ones(401, 1003)
    y = layer(x)
    assert set(y.unique().tolist()) <= {0.0, y.max().item()}
    assert (y == 0).float().mean().item() == pytest.approx(p, abs=0.01)
    assert y.mean().item() == pytest.approx(1, abs=0.1)
    assert torch.equal(layer.eval()(x), x)
