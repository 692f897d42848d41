"""SetFit itself, trained by its own Trainer: `pip install setfit==1.2.0`, which works with the versions pinned here."""

import tempfile
import time

import numpy as np
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments


def setfit(
    texts: list[str], labels: np.ndarray, unseen: list[str], folder: str, steps: int, seed: int
) -> tuple[np.ndarray, float]:
    """What SetFit makes of the texts: a backbone tuned on pairs of them, then its logistic regression.

    Args:
        texts: Training texts.
        labels: 0/1 `(texts, num_labels)`, one or several a text.
        unseen: Texts to predict.
        folder: The backbone, as sentence-transformers loads it.
        steps: Batches of 16 pairs that it is tuned on; -1 for one epoch over all pairs that SetFit makes.
        seed: Of pairs and their order.

    Returns:
        Predicted labels, 0/1 `(unseen texts, num_labels)`, and the seconds of training.
    """
    several = bool((labels.sum(axis=1) != 1).any())
    targets = labels.tolist() if several else labels.argmax(axis=1).tolist()
    started = time.perf_counter()
    model = SetFitModel.from_pretrained(folder, **({"multi_target_strategy": "one-vs-rest"} if several else {}))
    with tempfile.TemporaryDirectory() as scratch:
        arguments = TrainingArguments(
            scratch, max_steps=steps, save_strategy="no", report_to="none", show_progress_bar=False, seed=seed
        )
        Trainer(model, arguments, train_dataset=Dataset.from_dict({"text": texts, "label": targets})).train()
    seconds = time.perf_counter() - started
    found = np.asarray(model.predict(unseen, show_progress_bar=False)).astype(int)
    return (found if several else np.eye(labels.shape[1], dtype=int)[found]), seconds


__all__ = ["setfit"]
