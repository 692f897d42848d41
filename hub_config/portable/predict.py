"""Classifies texts with the exported graph; needs numpy, onnxruntime and tokenizers, but no torch.

python predict.py "You did what?! I am so proud of you!"

From elsewhere, with this folder on `sys.path`:

    from predict import Classifier
    Classifier("this folder").predict(["ugh, this again", "thank you so much"])

A model of pairs, such as premise and hypothesis, also takes `("How was it?", "thank you so much")`, or a dict with
`text` and `text_pair`.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
from buckets import bucket_by_length
from predictions import check_choice, probabilities, rank
from terms import TermCounter
from texts import Text, check_texts, joined
from tokenizers import Tokenizer

# Tokens that are read together: more does not run faster on a CPU, and the lexical sums take its square in memory.
BATCH_TOKENS = 1024


class Classifier:
    """The exported model.

    Args:
        folder: What `python -m hub_config.export` wrote.
        threads: Threads that a text is read with; onnxruntime chooses if left out.
    """

    def __init__(self, folder: str | Path = Path(__file__).parent, threads: int | None = None):
        self.made_of = Path(folder).resolve(), threads
        folder = Path(folder)
        self.config = SimpleNamespace(**json.loads((folder / "config.json").read_text(encoding="utf-8")))
        self.config.id2label = dict(enumerate(self.config.labels))
        self.tokenizers = []
        for backbone in self.config.backbones:
            tokenizer = Tokenizer.from_file(str(folder / backbone["tokenizer"]))
            tokenizer.no_padding()
            tokenizer.enable_truncation(backbone["max_length"], direction=backbone["truncation_side"])
            self.tokenizers.append(tokenizer)
        self.counter = None
        if self.config.num_terms:
            self.counter = TermCounter((folder / "vocabulary.txt").read_bytes(), self.config.num_terms)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=providers)

    def __reduce__(self) -> tuple:
        """Pickle what it is made of, as onnxruntime's session cannot be: `Dataset.map(num_proc=2)`, worker pools."""
        return type(self), self.made_of

    def logits(self, texts: list[Text]) -> np.ndarray:
        """Logits of raw texts.

        Args:
            texts: Any number of strings, and of pairs if the model was trained on pairs; what exceeds a backbone's
                `max_length` is cut off, of a pair the end of the longer text.

        Returns:
            Float32 array `(len(texts), num_labels)`.

        Raises:
            ValueError: an input is not a text, or a pair and the model was trained on single texts.
        """
        columns = getattr(self.config, "text_columns", None)
        checked = check_texts(texts, columns=columns)
        pair = None if columns else next((row for row, text in enumerate(checked) if not isinstance(text, str)), None)
        if pair is not None:
            raise ValueError(
                f"Input {pair} is a pair, and this export reads single texts, as '{self.config.exported_from}' was "
                "trained on them. Give the two as one text, or export a model that was trained on pairs."
            )
        ids, segments = [], []
        for backbone, tokenizer in zip(self.config.backbones, self.tokenizers, strict=True):
            encoded = tokenizer.encode_batch(checked)
            ids.append([one.ids or [backbone["stand_in"]] for one in encoded])
            segments.append([one.type_ids or [0] for one in encoded] if backbone.get("segments") else None)
        logits = np.empty((len(checked), len(self.config.labels)), np.float32)
        # Without a backbone nothing is tokenized, and a text counts as about a token for four characters.
        lengths = [len(row) for row in ids[0]] if ids else [len(joined(text)) // 4 + 1 for text in checked]
        for batch in bucket_by_length(lengths, BATCH_TOKENS, padded=not ids):
            inputs: dict[str, np.ndarray] = {} if ids else {"texts": np.zeros(len(batch), np.int64)}
            for backbone, rows, kinds in zip(self.config.backbones, ids, segments, strict=True):
                inputs |= padded(
                    backbone["name"], [rows[row] for row in batch], kinds and [kinds[row] for row in batch]
                )
            if self.counter is not None:
                terms = self.counter.count([joined(checked[row]) for row in batch])
                names = ("term_rows", "term_counts", "term_bags")
                inputs |= dict(zip(names, terms, strict=True))
            logits[batch] = self.session.run(None, inputs)[0]
        return logits

    def predict(
        self, texts: list[Text], top_k: int | str | None = "predicted", threshold: float | None = None
    ) -> list[list[dict]]:
        """Emotions of raw texts, as the model's own `predict` gives them.

        Args:
            texts: See `logits`.
            top_k: "predicted" for the labels that the model predicts, by each label's own threshold; a number for so
                many best labels; None for all labels.
            threshold: One probability to use in place of the labels' own thresholds.

        Returns:
            For each text a list of `{"label": str, "score": float}`, highest score first; "predicted" may be empty.

        Raises:
            ValueError: an input is not a text, or a parameter is out of range.
        """
        check_choice(top_k, threshold)
        return [rank(row, self.config, top_k, threshold) for row in self.probabilities(texts)]

    def probabilities(self, texts: list[Text]) -> np.ndarray:
        """Sigmoid for several labels a text, softmax for one: `(len(texts), num_labels)`."""
        return probabilities(self.logits(texts), self.config.problem_type == "multi_label_classification")


def padded(name: str, ids: list[list[int]], segments: list[list[int]] | None) -> dict[str, np.ndarray]:
    """A backbone's two or three inputs, int64 `(batch, tokens)` each."""
    longest = max(map(len, ids))
    parts = {"input_ids": ids, "attention_mask": [[1] * len(row) for row in ids], "token_type_ids": segments}
    return {
        f"{name}_{part}": np.array([row + [0] * (longest - len(row)) for row in rows], np.int64)
        for part, rows in parts.items()
        if rows is not None
    }


if __name__ == "__main__":
    for text, ranked in zip(sys.argv[1:], Classifier().predict(sys.argv[1:], top_k=3), strict=True):
        sys.stdout.write(f"{text}\n" + "".join(f"  {one['score']:.3f} {one['label']}\n" for one in ranked))
