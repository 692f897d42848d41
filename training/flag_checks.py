"""What values of train.py's flags are refused that neither its parser nor the Trainer refuses."""

from typing import Any

# Numbers whose minimum nothing else checks.
MINIMA = {
    "num_runs": 1,
    "max_rows": 1,
    "early_stopping_patience": 1,
    "per_device_train_batch_size": 1,
    "per_device_eval_batch_size": 1,
    "gradient_accumulation_steps": 1,
    "min_steps": 0,
    "few_rows": 0,
    "lexical_c": 1e-6,
    "class_balanced_beta": 0,
}


def check_values(namespace: dict[str, Any]) -> None:
    """Refuse numbers out of their range, and flags that nothing obeys.

    Args:
        namespace: Values by the flags' names.

    Raises:
        ValueError: names the flag, its value and what is expected.
    """
    for name, minimum in MINIMA.items():
        if namespace[name] is not None and namespace[name] < minimum:
            raise ValueError(f"--{name} is {namespace[name]}: expected {minimum} or more.")
    if namespace["class_balanced_beta"] >= 1:
        raise ValueError(f"--class_balanced_beta is {namespace['class_balanced_beta']}: expected less than 1.")
    if namespace["resume_from_checkpoint"] is not None:
        raise ValueError(
            "--resume_from_checkpoint is not supported: --resume goes on from the last checkpoint of the output_dir."
        )
    if namespace["read_label_names"] and not (namespace["linear_skip"] and namespace["standardise"]):
        raise ValueError("--read_label_names starts the layer of --linear_skip true on --standardise true: set both.")
