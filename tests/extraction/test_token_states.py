"""Reading one hidden state: packed or as transformers has it, and none of the layers above."""

import pytest
import torch
from torch.nn.functional import cosine_similarity

from extraction.token_states import layer_stack, packed_states, states_of
from fusion_model.buckets import bucket_by_length
from fusion_model.packed import AGREEMENT, can_pack
from tests.fusion_model.architectures import build
from tests.fusion_model.test_encoder import encoder_of
from tests.standins import standin

DTYPES = [
    pytest.param(dtype, marks=pytest.mark.skipif(not can_pack(dtype), reason=f"torch's own way is as fast in {dtype}"))
    for dtype in (torch.float32, torch.bfloat16)
]
TEXTS = ["no", "so happy that you came " * 3, "I hate it", "so happy that you came " * 9, "oh no", "I hate it", ""]
PAIRS = [("no", "I hate it"), ("so happy that you came " * 9, "oh no"), ("oh no", "so happy"), ("I hate it", "no")]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["bert", "mpnet", "roberta"])
@pytest.mark.parametrize("texts", [TEXTS, PAIRS], ids=["texts", "pairs"])
def test_packed_states_are_token_by_token_those_of_each_text_by_itself(kind, dtype, texts, tmp_path):
    encoder = encoder_of(build(kind, tmp_path), dtype=str(dtype).removeprefix("torch."))
    reader = packed_states(encoder, 1)
    assert reader is not None
    ids, segments = encoder.tokenize_segments(texts)
    (order,) = bucket_by_length([len(row) for row in ids], 4096, flat=True)
    kinds = segments and [segments[row] for row in order]
    seen = reader.read([ids[row] for row in order], kinds)
    alone = [states_of(encoder, 1, [ids[row]], segments and [segments[row]])[0] for row in order]
    expected = torch.cat(alone)
    assert seen.dtype == dtype
    assert seen.shape == expected.shape
    assert float(cosine_similarity(seen.float(), expected.float(), dim=1).min()) > AGREEMENT[dtype]


@pytest.mark.parametrize("kind", ["bert", "distilbert", "llama"])
@pytest.mark.parametrize("layer", [0, 1])
def test_the_layers_from_the_state_on_do_not_run(kind, layer, tmp_path):
    encoder = encoder_of(standin(kind, tmp_path), dtype="float32")
    ids = encoder.tokenize(["so happy"])
    with torch.inference_mode():
        expected = encoder.model(input_ids=torch.tensor(ids), output_hidden_states=True).hidden_states[layer]
    stack, ran = layer_stack(encoder.model), []
    assert stack is not None
    for one in stack:
        one.register_forward_hook(lambda module, *_: ran.append(module))
    assert torch.equal(states_of(encoder, layer, ids, None), expected)
    assert ran == list(stack)[:layer]
    states_of(encoder, -1, ids, None)
    assert ran[layer:] == list(stack)


def test_no_layer_above_is_packed(tmp_path):
    reader = packed_states(encoder_of(standin("bert", tmp_path, layers=3), dtype="float32"), 1)
    assert reader is None or len(reader.stack) == 1
