"""`pipeline("text-classification", model=…, trust_remote_code=True)` for a fusion classifier: raw texts in."""

from itertools import islice

from transformers import Pipeline

from .predictions import check_texts, probabilities, rank

# Texts that are read together when the caller names no batch size: enough for the encoder to sort by length.
DEFAULT_CHUNK = 256


class FusionTextClassificationPipeline(Pipeline):
    """Text classification with the parameters of transformers' own pipeline, plus `threshold` and `top_k="decided"`.

    Called with a text, it gives `[{"label": …, "score": …}]`; with a list of texts, a dict for each; with `top_k` or
    `threshold`, a list of dicts for each text. Generators and data sets are answered lazily.
    """

    _load_tokenizer = False
    _load_processor = False
    _load_image_processor = False
    _load_feature_extractor = False

    def _sanitize_parameters(self, top_k="", threshold=None, **unknown):
        if unknown:
            raise ValueError(f"Unknown parameter(s) {sorted(unknown)}: expected top_k, threshold, batch_size.")
        postprocess = {}
        if top_k != "":
            postprocess["top_k"] = top_k
        if threshold is not None:
            postprocess["threshold"] = threshold
            postprocess.setdefault("top_k", None)
        return {}, {}, postprocess

    def __call__(self, inputs, **kwargs):
        """See the class."""
        if isinstance(inputs, tuple):
            inputs = list(inputs)
        result = super().__call__(inputs, **kwargs)
        one_text = isinstance(inputs, (str, dict))
        return [result] if one_text and isinstance(result, dict) else result

    def preprocess(self, inputs):
        """A text, or a dict with a `text`, to a text."""
        text = inputs.get("text") if isinstance(inputs, dict) else inputs
        return check_texts([text])[0]

    def _forward(self, model_inputs):
        return probabilities(self.model.logits(model_inputs), self.model.config)

    def forward(self, model_inputs, **forward_params):
        """Texts to probabilities `(texts, num_labels)`; the encoder moves what it needs to the device itself."""
        return self._forward(model_inputs)

    def postprocess(self, model_outputs, top_k=1, threshold=None):
        """Probabilities `(num_labels,)` to sorted labels."""
        return rank(model_outputs, self.model.config, top_k, threshold)

    def run_single(self, inputs, preprocess_params, forward_params, postprocess_params):
        """One text."""
        return next(self.get_iterator([inputs], 0, 1, preprocess_params, forward_params, postprocess_params))

    def get_iterator(self, inputs, num_workers, batch_size, preprocess_params, forward_params, postprocess_params):
        """Yield results in order; texts are read `batch_size` (at least a chunk) at a time."""
        parameters = {**postprocess_params}
        alone = "top_k" not in parameters
        stream = iter(inputs)
        size = batch_size if batch_size > 1 else DEFAULT_CHUNK
        while chunk := [self.preprocess(item) for item in islice(stream, size)]:
            for scores in self._forward(chunk):
                ranked = self.postprocess(scores, **parameters)
                yield ranked[0] if alone else ranked


__all__ = ["FusionTextClassificationPipeline"]
