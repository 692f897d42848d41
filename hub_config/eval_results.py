"""`.eval_results/NAME.yaml`: what the Hub shows on a model's page, and on the page of the dataset it was tested on."""

from datetime import UTC, datetime
from pathlib import Path

import yaml
from huggingface_hub import EvalResult, EvalResultEntry, ModelCard, constants, eval_result_entries_to_yaml

from fusion_model.trust import is_hub_id

# The figure that a leaderboard ranks by; the others are in the card's model-index.
RANKED_BY = "Macro F1"


def eval_results_files(card: ModelCard, metrics: Path, repo_id: str) -> dict[str, bytes]:
    """The file for each dataset of the Hub that the card has a test figure for; none for other datasets.

    Args:
        card: The model's, with its model-index.
        metrics: metrics.json, written when the model was tested.
        repo_id: Where the model is published: the source of the figure.

    Returns:
        Path in the repository -> YAML.
    """
    tested = datetime.fromtimestamp(int(metrics.stat().st_mtime), UTC).isoformat().replace("+00:00", "Z")
    files = {}
    results: list[EvalResult] = getattr(card.data, "eval_results", None) or []
    for result in results:
        if (result.metric_name, result.dataset_split) != (RANKED_BY, "test") or not is_hub_id(result.dataset_type):
            continue
        spread = result.metric_args or {}
        entry = EvalResultEntry(
            dataset_id=result.dataset_type,
            task_id=result.task_type,
            value=result.metric_value,
            date=tested,
            source_url=f"{constants.ENDPOINT}/{repo_id}/blob/main/metrics.json",
            source_name="metrics.json",
            notes=f"{RANKED_BY} on the test split; mean of {spread['seeds']} seeds, standard deviation {spread['std']}"
            if spread.get("seeds", 1) > 1
            else f"{RANKED_BY} on the test split",
        )
        content = yaml.safe_dump(eval_result_entries_to_yaml([entry]), sort_keys=False, allow_unicode=True)
        files[f".eval_results/{result.dataset_type.rpartition('/')[2]}.yaml"] = content.encode()
    return files


__all__ = ["eval_results_files"]
