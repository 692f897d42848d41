"""Entry point for Inference Endpoints: copied into the model's repository, called with the request's JSON body."""

from typing import Any

import torch
from transformers import pipeline

# The last two are what clients of other classifiers send along, and change nothing.
PARAMETERS = {"top_k", "threshold", "truncation", "padding"}


class EndpointHandler:
    """Loads the model once and answers requests.

    Args:
        path: Folder with the repository's files.
    """

    def __init__(self, path: str = ""):
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.pipeline = pipeline("text-classification", model=path or ".", trust_remote_code=True, device=device)

    def __call__(self, data: dict[str, Any]) -> list[dict] | list[list[dict]]:
        """Answer one request.

        Args:
            data: `{"inputs": text or list of texts, "parameters": {"top_k": ..., "threshold": ...}}`; the parameters
                may be left out. A pair of texts is `{"text": ..., "text_pair": ...}`. `top_k` is a number of labels,
                null for all, or "predicted" for those that the model predicts; `threshold` is a probability from 0 to
                1. `truncation` and `padding` are taken and change nothing.

        Returns:
            For a text a list of `{"label": str, "score": float}`, best first; for a list of texts such a list for each.

        Raises:
            ValueError: the inputs are no texts, or a parameter is unknown or out of range.
        """
        if not isinstance(data, dict) or "inputs" not in data:
            raise ValueError('The request is not understood: expected {"inputs": text or list of texts}.')
        inputs, parameters = data["inputs"], data.get("parameters") or {}
        if not isinstance(parameters, dict) or set(parameters) - PARAMETERS:
            raise ValueError(f"The parameters are {parameters!r}: expected an object with {sorted(PARAMETERS)} only.")
        if isinstance(inputs, (str, dict)):
            return self._classify([inputs], parameters)[0]
        if isinstance(inputs, list):
            return self._classify(inputs, parameters)
        raise ValueError(f"inputs is {type(inputs).__name__}: expected a text or a list of texts.")

    def _classify(self, texts: list, parameters: dict[str, Any]) -> list[list[dict]]:
        """Ranked labels of each text; the best one alone where no parameter says otherwise."""
        if not texts:
            return []
        defaults = {} if "threshold" in parameters else {"top_k": 1}
        answers: Any = self.pipeline(texts, **defaults | parameters)
        return list(answers)
