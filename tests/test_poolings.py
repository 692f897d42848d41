"""Every pooling is one function of the hidden states, for encoder, fine-tuning and exported graph."""

import pytest
import torch

from fusion_model import Backbone, FusionConfig, FusionForSequenceClassification
from fusion_model.encoder import BackboneEncoder
from fusion_model.pooling import POOLINGS, pool
from tests.standins import standin
from training.finetune import EndToEnd

TEXTS = ["I am so happy that you came", "why", "it is cold, isn't it"]
LAYERS = (0, -1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return standin("bert", tmp_path_factory.mktemp("poolings"))


def backbone_of(folder, pooling: str) -> Backbone:
    return Backbone(
        name="tiny",
        model_id=str(folder),
        layers=LAYERS,
        pooling=(pooling,),
        hidden_size=24,
        max_length=48,
        dtype="float32",
    )


@pytest.fixture
def one_batch(folder):
    """Token ids and mask `(texts, tokens)` of texts of different lengths."""
    ids = BackboneEncoder(backbone_of(folder, "mean")).tokenize(TEXTS)
    longest = max(map(len, ids))
    assert len(set(map(len, ids))) == len(TEXTS)
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
    return torch.tensor([row + [0] * (longest - len(row)) for row in ids]), mask


@pytest.mark.parametrize("pooling", POOLINGS)
def test_encoder_and_fine_tuning_pool_alike(folder, one_batch, pooling):
    backbone = backbone_of(folder, pooling)
    encoder = BackboneEncoder(backbone)
    encoded = encoder.encode(TEXTS).float()
    trained = EndToEnd(encoder.model, backbone, 3)
    seen = []
    trained.head.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    with torch.no_grad():
        trained(input_ids=one_batch[0], attention_mask=one_batch[1])
    torch.testing.assert_close(seen[0], encoded, atol=2e-3, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_exported_graph_gives_the_logits_of_the_model(folder, one_batch, pooling, tmp_path):
    pytest.importorskip("onnxscript", reason="onnxscript is not installed (requirements-export.txt)")
    import onnxruntime

    from hub_config.portable.graph import input_names, write_graph

    def model_of(name: str) -> FusionForSequenceClassification:
        torch.manual_seed(0)
        options = {"cooccurrence": False, "linear_skip": True, "hidden_sizes": [], "num_labels": 3}
        return FusionForSequenceClassification(FusionConfig(backbones=[backbone_of(folder, name)], **options)).eval()

    model = model_of(pooling)
    expected = model.logits(TEXTS)
    for other in set(POOLINGS) - {pooling}:
        assert (model_of(other).logits(TEXTS) - expected).abs().max() > 0.1, "poolings that agree would prove nothing"
    write_graph(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    inputs = dict(zip(input_names(model), (one.numpy() for one in one_batch), strict=True))
    (logits,) = session.run(None, inputs)
    torch.testing.assert_close(torch.from_numpy(logits), expected, atol=2e-3, rtol=1e-3)


def test_a_pooling_that_is_not_in_the_table_is_an_error_that_lists_it(folder):
    hidden, lengths = torch.zeros(1, 2, 3), torch.tensor([2])
    with pytest.raises(ValueError, match="'median'") as refused:
        pool(hidden, None, lengths, "median")
    assert all(repr(name) in str(refused.value) for name in POOLINGS)
    with pytest.raises(ValueError, match=r"pooling is .*'median'") as refused:
        backbone_of(folder, "median")
    assert all(repr(name) in str(refused.value) for name in POOLINGS)
