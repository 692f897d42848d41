"""Every pooling against a loop over one text's real tokens, with and without padding."""

import pytest
import torch

from fusion_model.backbones import Backbone
from fusion_model.pooling import POOLINGS, pool, pool_slots

# What each pooling gives for the states of one text, a list of tokens with a number for each dimension.
NAIVE = {
    "mean": lambda tokens: [sum(column) / len(column) for column in zip(*tokens, strict=True)],
    "max": lambda tokens: [max(column) for column in zip(*tokens, strict=True)],
    "cls": lambda tokens: tokens[0],
    "last": lambda tokens: tokens[-1],
}
LENGTHS = [5, 1, 3]


@pytest.fixture
def states() -> torch.Tensor:
    """Hidden states of three texts, `(3, 5, 4)`; padding holds numbers that would be noticed."""
    hidden = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    for row, length in enumerate(LENGTHS):
        hidden[row, length:] = 1e3
    return hidden


@pytest.mark.parametrize("name", POOLINGS)
def test_a_pooling_is_its_loop_over_real_tokens(name, states):
    lengths = torch.tensor(LENGTHS)
    pooled = pool(states, torch.arange(5)[None] < lengths[:, None], lengths, name)
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(pooled[row], torch.tensor(NAIVE[name](states[row, :length].tolist())))


@pytest.mark.parametrize("name", POOLINGS)
def test_a_pooling_gives_the_same_without_padding(name, states):
    for row, length in enumerate(LENGTHS):
        alone = pool(states[row : row + 1, :length], None, torch.tensor([length]), name)
        torch.testing.assert_close(alone[0], torch.tensor(NAIVE[name](states[row, :length].tolist())))


def test_slots_are_in_the_order_of_layers_and_in_each_layer_of_poolings(states):
    lengths = torch.tensor(LENGTHS)
    mask = torch.arange(5)[None] < lengths[:, None]
    slots = pool_slots([states, states + 1], [1, 0], ["cls", "max"], mask, lengths)
    expected = [pool(states + layer, mask, lengths, name) for layer in (1, 0) for name in ("cls", "max")]
    assert torch.equal(slots, torch.cat(expected, dim=1))


def test_an_unknown_pooling_is_refused_with_the_known_ones(states):
    with pytest.raises(ValueError, match="'median'") as error:
        pool(states, None, torch.tensor([5, 5, 5]), "median")
    assert str(sorted(POOLINGS)) in str(error.value)
    with pytest.raises(ValueError, match="pooling"):
        Backbone(name="one", model_id="user/one", pooling=("median",))
