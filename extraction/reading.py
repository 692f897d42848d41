"""What was taken from a source, as it is told on the terminal, in metrics.json and on the card."""

from dataclasses import asdict, dataclass, field
from typing import Any

from datasets import DatasetDict


@dataclass
class Reading:
    """What a data set was read from.

    Args:
        texts: Where the texts stood.
        labels: Where the labels stood.
        several: Whether a text can have several.
        unused: Columns that were not used.
        notes: What else happened to rows, such as those left out, with numbers.
        text_columns: The two columns that pairs of texts were read from; None where texts are read alone.
        held_out: So many rows of train became validation, as there was none.
    """

    texts: str
    labels: str
    several: bool
    unused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    text_columns: list[str] | None = None
    held_out: int = 0

    def __str__(self) -> str:
        """`texts: 'Tweet' · labels: 11 columns (anger … trust), several per text · not used: 'ID'`."""
        parts = [f"texts: {self.texts}", f"labels: {self.labels}, {'several' if self.several else 'one'} per text"]
        if self.unused:
            parts.append("not used: " + ", ".join(f"'{name}'" for name in self.unused))
        return " · ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """For metrics.json."""
        return asdict(self)


class LoadedData(DatasetDict):
    """Normalised splits, and what they were read from."""

    def __init__(self, splits: DatasetDict | dict, reading: Reading):
        super().__init__(splits)
        self.reading = reading
