"""Long texts in windows: token ids of windows that overlap, and from the windows' pooled features those of the text."""

from collections.abc import Callable, Iterator, Sequence

import torch
from transformers import PreTrainedTokenizerBase

from .batches import stand_in
from .texts import Text

# Token ids of one window, special tokens among them.
Window = list[int]
Progress = Callable[[int], object] | None
# Share of a window that the one before it has read too, so that no phrase is seen in halves only.
OVERLAP = 1 / 4
# Windows of long texts that are read before they are merged: enough for full batches, and not a library in memory.
GROUP_WINDOWS = 1024


def merge_mean(pooled: torch.Tensor, new_tokens: torch.Tensor) -> torch.Tensor:
    """Mean of the windows, each weighted by the tokens that it is the first to read: so that a token counts once."""
    return (new_tokens / new_tokens.sum()) @ pooled


def merge_max(pooled: torch.Tensor, new_tokens: torch.Tensor) -> torch.Tensor:
    """Largest value of any window."""
    return pooled.amax(dim=0)


def merge_last(pooled: torch.Tensor, new_tokens: torch.Tensor) -> torch.Tensor:
    """The last window's."""
    return pooled[-1]


# Name of a pooling -> function of what it gave for a text's windows, `(windows, numbers)`, and of the number of tokens
# that each is the first to read, `(windows,)`, to `(numbers,)`. A first token stands for its window: its mean, too.
MERGES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "mean": merge_mean,
    "cls": merge_mean,
    "max": merge_max,
    "last": merge_last,
}


class Windows:
    """The windows of texts of any length.

    Args:
        tokenizer: A backbone's.
        texts: Strings.
        max_length: Tokens of a window, its special tokens included.

    Raises:
        ValueError: a text is a pair, the tokenizer is not a fast one, or a window has no room for a token of the text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, texts: Sequence[Text], max_length: int):
        pair = next((row for row, text in enumerate(texts) if not isinstance(text, str)), None)
        if pair is not None:
            raise ValueError(
                f"Input {pair} is a pair of texts, which is not read in windows. Set long_texts: cut for the backbone, "
                "or give the two as one text."
            )
        room = max_length - tokenizer.num_special_tokens_to_add()
        if not tokenizer.is_fast or room < 1:
            cure = f"raise max_length ({max_length})" if tokenizer.is_fast else "take a backbone with a tokenizer.json"
            raise ValueError(f"The tokenizer gives no windows of {max_length} tokens: {cure}, or set long_texts: cut.")
        # Tokens that two neighbours share.
        self.overlap = int(room * OVERLAP)
        encoded = tokenizer(
            list(texts),
            truncation=True,
            max_length=max_length,
            stride=self.overlap,
            return_overflowing_tokens=True,
            padding=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        # Of each text, from its beginning to its end.
        self.of_texts: list[list[Window]] = [[] for _ in texts]
        for row, ids in zip(encoded["overflow_to_sample_mapping"], encoded["input_ids"], strict=True):
            self.of_texts[row].append(ids or [stand_in(tokenizer)])
        if tokenizer.truncation_side == "left":  # which begins at the end
            for windows in self.of_texts:
                windows.reverse()

    def encode(
        self,
        read: Callable[[list[Window], Progress], torch.Tensor],
        layers: int,
        poolings: Sequence[str],
        progress: Progress = None,
    ) -> torch.Tensor:
        """Features of the texts.

        Args:
            read: Gives windows' features, `(windows, slots * hidden_size)`, in each layer pooling by pooling.
            layers: Number of layers.
            poolings: Of each layer, names of `MERGES`.
            progress: Called with the number of texts done since the last call.

        Returns:
            Float16 tensor `(texts, slots * hidden_size)`; a text of one window has that window's.
        """
        short = [row for row, windows in enumerate(self.of_texts) if len(windows) == 1]
        pooled = read([self.of_texts[row][0] for row in short], progress)
        features = pooled.new_empty((len(self.of_texts), pooled.shape[1]))
        features[short] = pooled
        for rows in self._groups():
            pooled = read([window for row in rows for window in self.of_texts[row]], None)
            for row, part in zip(rows, pooled.split([len(self.of_texts[row]) for row in rows]), strict=True):
                features[row] = self._merge(part, self.of_texts[row], layers, poolings)
            if progress is not None:
                progress(len(rows))
        return features

    def _groups(self) -> Iterator[list[int]]:
        """Rows of the texts of several windows, about `GROUP_WINDOWS` windows at a time."""
        rows: list[int] = []
        size = 0
        for row, windows in enumerate(self.of_texts):
            if len(windows) > 1:
                rows.append(row)
                size += len(windows)
            if size >= GROUP_WINDOWS:
                yield rows
                rows, size = [], 0
        if rows:
            yield rows

    def _merge(self, pooled: torch.Tensor, windows: list[Window], layers: int, poolings: Sequence[str]) -> torch.Tensor:
        """One text's windows `(windows, slots * hidden_size)` to its features `(slots * hidden_size,)`, in float32."""
        new_tokens = torch.tensor([len(one) - self.overlap * (place > 0) for place, one in enumerate(windows)]).float()
        slots = pooled.float().view(len(windows), layers, len(poolings), -1)
        merged = [MERGES[name](slots[:, :, place].flatten(1), new_tokens) for place, name in enumerate(poolings)]
        return torch.stack([one.view(layers, -1) for one in merged], dim=1).flatten()


__all__ = ["MERGES", "Windows"]
