"""Texts and pairs of texts to token ids, and which text of a pair each token is of."""

import inspect
from collections.abc import Callable, Sequence

import torch
from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

from .batches import stand_in
from .texts import Text

# For each text its token ids; and as many segments, where the texts are pairs and the backbone has segments.
Tokens = tuple[list[list[int]], list[list[int]] | None]


def has_segments(tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> bool:
    """Whether a backbone is told which text of a pair a token is of, as BERT is; others see a separator alone."""
    named = "token_type_ids" in tokenizer.model_input_names
    taken = "token_type_ids" in inspect.signature(model.forward).parameters
    # RoBERTa takes them and knows one.
    return named and taken and getattr(model.config, "type_vocab_size", 2) > 1


def read_tokens(
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[Text],
    max_length: int,
    segments: bool = False,
    on_cut: Callable[[int], object] | None = None,
) -> Tokens:
    """Tokenise, without padding.

    Args:
        tokenizer: A backbone's.
        texts: Strings, and pairs of strings, to which the tokenizer gives its own form.
        max_length: Tokens of a text or pair; of a pair always the longer text is cut (`longest_first`).
        segments: Whether segments of pairs are asked for; a text that stands alone among them has zeros.
        on_cut: Called with the number of texts that are longer and were cut.

    Returns:
        Token ids with special tokens, never empty; and segments, None where nothing is a pair.
    """
    pairs = [row for row, text in enumerate(texts) if not isinstance(text, str)]
    if pairs and len(pairs) < len(texts):
        alone = [row for row, text in enumerate(texts) if isinstance(text, str)]
        ids: list[list[int]] = [[]] * len(texts)
        kinds: list[list[int]] = [[]] * len(texts)
        for rows in (alone, pairs):
            found, found_kinds = read_tokens(tokenizer, [texts[row] for row in rows], max_length, segments, on_cut)
            for place, row in enumerate(rows):
                ids[row] = found[place]
                kinds[row] = found_kinds[place] if found_kinds else [0] * len(found[place])
        return ids, kinds if segments else None
    encoded = tokenizer(
        *(map(list, zip(*texts, strict=True)) if pairs else [list(texts)]),
        truncation=True,
        max_length=max_length,
        padding=False,
        return_attention_mask=False,
        return_token_type_ids=bool(pairs) and segments,
        verbose=False,
    )
    if on_cut is not None:
        on_cut(sum(_was_cut(tokenizer, encoded, row, text, max_length) for row, text in enumerate(texts)))
    ids = [row or [stand_in(tokenizer)] for row in encoded["input_ids"]]
    return ids, encoded["token_type_ids"] if pairs and segments else None


def _was_cut(tokenizer: PreTrainedTokenizerBase, encoded: BatchEncoding, row: int, text: Text, max_length: int) -> bool:
    """Whether a text lost tokens: those that are as long as can be are looked at again."""
    if len(encoded["input_ids"][row]) < max_length:
        return False
    if encoded.encodings is not None:
        return bool(encoded.encodings[row].overflowing)
    return len(tokenizer(*([text] if isinstance(text, str) else text), verbose=False)["input_ids"]) > max_length


def pad(rows: list[list[int]]) -> torch.Tensor:
    """Rows as one tensor `(rows, longest)`.

    Always padded on the right, with any id (0): the mask keeps padding out of attention and pooling, so the tokenizer
    needs no pad token, and a decoder's positions start at its first real token.
    """
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


__all__ = ["Tokens", "has_segments", "pad", "read_tokens"]
