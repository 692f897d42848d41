"""Batches of texts of one length, or of similar ones.

An export carries this file as it is, so it imports the standard library alone.
"""

from collections.abc import Iterator, Sequence

# A GPU, where many small batches cost more than padding, takes texts together whose lengths differ by no more than this
# share (a small batch waits).
GPU_LENGTH_RATIO = 0.85
GPU_SMALL_BATCH = 32


def bucket_by_length(
    lengths: Sequence[int], max_tokens: int, padded: bool = False, flat: bool = False
) -> Iterator[list[int]]:
    """Yield row numbers, longest text first, in batches of at most `max_tokens`.

    Args:
        lengths: Tokens of each text.
        max_tokens: Tokens of a batch, padding included; a longer text is a batch of its own.
        padded: Similar lengths together, as a GPU likes it; else one length: nothing is padded, which is faster on a
            CPU, and a text's features are the same whatever it is read with.
        flat: Any lengths together, one text after the other: nothing is padded either.
    """
    ratio, small = (GPU_LENGTH_RATIO, GPU_SMALL_BATCH) if padded else (1.0, 1)
    rows: list[int] = []
    longest = tokens = 0
    for row in sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True):
        too_short = not flat and len(rows) >= small and lengths[row] < ratio * longest
        tokens += lengths[row] if flat else longest
        if rows and (too_short or tokens > max_tokens):
            yield rows
            rows = []
        if not rows:
            longest = tokens = lengths[row]
        rows.append(row)
    if rows:
        yield rows


__all__ = ["bucket_by_length"]
