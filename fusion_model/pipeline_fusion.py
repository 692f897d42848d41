"""`pipeline("text-classification", model=…, trust_remote_code=True)` for a fusion classifier: raw texts in."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
from transformers import Pipeline

from .predictions import check_choice, probabilities, rank
from .texts import Text, as_row, check_texts, find_keys

# Texts that are read together when the caller names no batch size: enough for the encoder to sort by length.
DEFAULT_BATCH_SIZE = 256


class FusionTextClassificationPipeline(Pipeline):
    """Text classification with transformers' `top_k` and `batch_size`, plus `threshold` and `top_k="predicted"`.

    Called with a text, it gives `[{"label": …, "score": …}]`; with a list of texts, a dict for each; with `top_k` or
    `threshold`, a list of dicts for each text. A text may also be a dict (a row of a dataset) with the key `text`; with
    `text_pair` beside it, or as `(text, text_pair)`, it is a pair. A table (of pandas, polars or Arrow) is read by its
    columns of these names. Rows and tables may also have the two columns that a model of pairs was trained on.
    Lists, tuples and columns are answered with a list; generators, data sets and other iterables lazily.

    `batch_size` (256 if left out) is how many texts are taken from the input at a time. `truncation` and `padding`
    are taken and change nothing: each backbone cuts texts at its own `max_length`, and pads as little as can be.
    """

    _load_tokenizer = False  # type: ignore[assignment]
    _load_processor = False  # type: ignore[assignment]
    _load_image_processor = False  # type: ignore[assignment]
    _load_feature_extractor = False  # type: ignore[assignment]

    def _sanitize_parameters(self, top_k="", threshold=None, truncation=None, padding=None, **unknown):
        if unknown:
            raise ValueError(f"Unknown parameter(s) {sorted(unknown)}: expected top_k, threshold, batch_size.")
        check_choice(top_k if top_k != "" else None, threshold)
        postprocess = {}
        if top_k != "":
            postprocess["top_k"] = top_k
        if threshold is not None:
            postprocess["threshold"] = threshold
            postprocess.setdefault("top_k", None)
        return {}, {}, postprocess

    def __call__(self, inputs: Any, *args, batch_size: int | None = None, **kwargs) -> Any:
        """See the class.

        Raises:
            ValueError: an input is not a text, or a parameter is unknown or out of range.
        """
        batch_size = next((size for size in (batch_size, self._batch_size) if size is not None), DEFAULT_BATCH_SIZE)
        if type(batch_size) is not int or batch_size < 1:
            raise ValueError(f"batch_size is {batch_size!r}: expected a number of texts from 1 on.")
        columns = self.model.config.text_columns
        inputs = as_row(_text_column(inputs, columns), columns)
        one_text = isinstance(inputs, (str, bytes, dict))
        if isinstance(inputs, Sequence) and not one_text:
            inputs = list(inputs)
        elif isinstance(inputs, Iterable) and not one_text:
            inputs = (item for item in inputs)
        elif hasattr(inputs, "__getitem__") and hasattr(inputs, "__len__") and not one_text:
            # A torch data set: its length says where it ends, for which no error of `__getitem__` can be relied on.
            inputs = (item for item in map(inputs.__getitem__, range(len(inputs))))
        if inputs == []:
            self._sanitize_parameters(**kwargs)
            return []
        result = super().__call__(inputs, *args, batch_size=batch_size, **kwargs)
        return [result] if one_text and isinstance(result, dict) else result

    def preprocess(self, input_: Any, **preprocess_parameters) -> Any:
        """A text, a pair, or a dict with a `text`, to a text or pair."""
        return self._texts([input_])[0]

    def _texts(self, items: list, first: int = 0) -> list[Text]:
        """Texts of inputs, of which the first has the number `first`."""
        return check_texts(items, first, self.model.config.text_columns)

    def _forward(self, input_tensors: Any, **forward_parameters) -> Any:
        logits = self.model.logits(input_tensors).numpy()  # type: ignore[operator]
        return probabilities(logits, self.model.config.problem_type == "multi_label_classification")

    def forward(self, model_inputs: list[Text], **forward_params) -> np.ndarray:
        """Texts to probabilities `(texts, num_labels)`; the encoder moves what it needs to the device itself."""
        return self._forward(model_inputs)

    def postprocess(self, model_outputs: Any, top_k: Any = 1, threshold: Any = None, **parameters) -> Any:
        """Probabilities `(num_labels,)` to sorted labels."""
        return rank(model_outputs, self.model.config, top_k, threshold)

    def run_single(self, inputs, preprocess_params, forward_params, postprocess_params):
        """One text."""
        return next(self.get_iterator([inputs], 0, 1, preprocess_params, forward_params, postprocess_params))

    def get_iterator(
        self, inputs, num_workers: int, batch_size: int, preprocess_params, forward_params, postprocess_params
    ) -> Iterator:
        """Yield results in order; texts are taken and read `batch_size` at a time."""
        alone = "top_k" not in postprocess_params
        stream = iter(inputs)
        done = 0
        while items := list(islice(stream, batch_size)):
            for scores in self._forward(self._texts(items, first=done)):
                ranked = self.postprocess(scores, **postprocess_params)
                yield ranked[0] if alone else ranked
            done += len(items)


def _text_column(inputs: Any, trained: Sequence[str] | None) -> Any:
    """The texts of a table, which iterates over its columns or their names, not its rows; any other input as it is.

    Raises:
        ValueError: the table has no column with the texts, or has it twice.
    """
    columns = getattr(inputs, "columns", None)
    if columns is None or not hasattr(inputs, "shape"):
        # Arrow's arrays iterate over scalars of their own, and one of numpy's may hold a single text.
        to_list = getattr(inputs, "to_pylist", None) or (getattr(inputs, "shape", None) == () and inputs.tolist)
        return to_list() if to_list else inputs
    # Arrow's columns are the data, and their names are elsewhere.
    names = [str(name) for name in getattr(inputs, "column_names", columns)]
    found = [name for name in find_keys(names, trained) or () if name in names]
    if not found or any(names.count(name) > 1 for name in found):
        pair = f", or two called {trained[0]!r} and {trained[1]!r}" if trained else ""
        raise ValueError(
            f"The input is a table with the columns {names[:20]}: expected one called 'text'{pair}. Rename the column "
            "with the texts, or give it alone, as a list."
        )
    cells = [c.to_pylist() if hasattr(c, "to_pylist") else list(c) for c in (inputs[name] for name in found)]
    return cells[0] if len(cells) == 1 else list(zip(*cells, strict=True))


__all__ = ["FusionTextClassificationPipeline"]
