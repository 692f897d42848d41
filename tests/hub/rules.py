"""What the Hub accepts in the front matter of a card."""

import re

import yaml

LICENCES = {
    "apache-2.0", "mit", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc0-1.0", "bsd-3-clause",
    "openrail", "llama2", "llama3", "gemma", "unknown", "other",
}  # fmt: skip
TYPES = {"tags": list, "datasets": (list, str), "metrics": list, "base_model": (list, str), "model-index": list}
REPO_ID = re.compile(r"[\w.-]+/[\w.-]+")


def front_matter(text: str) -> dict | None:
    """The YAML between the first two lines of dashes; None where there is none.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    match = re.match(r"---\r?\n(.*?)\r?\n---\r?(\n|$)", text, re.DOTALL)
    return None if match is None else yaml.safe_load(match.group(1))


def card_errors(text: str) -> list[str]:
    """What is wrong with a card, as the Hub words it; empty for a good one."""
    try:
        data = front_matter(text)
    except yaml.YAMLError as error:
        return [f"Invalid YAML: {' '.join(str(error).split())}"]
    if data is None:
        return []
    if not isinstance(data, dict):
        return ["The front matter must be an object"]
    errors = [
        f'"{key}" has a wrong type' for key, kind in TYPES.items() if key in data and not isinstance(data[key], kind)
    ]
    licences = data.get("license", [])
    errors += [
        f'"license" must be one of the known identifiers, not {licence}'
        for licence in (licences if isinstance(licences, list) else [licences])
        if licence not in LICENCES
    ]
    for key in ("base_model", "datasets"):
        values = data.get(key) or []
        for value in [values] if isinstance(values, str) else values:
            if not isinstance(value, str) or not (REPO_ID.fullmatch(value) or (key == "datasets" and "/" not in value)):
                errors.append(f'"{key}" with value {value!r} is not valid. Use a model id from https://hf.co/models.')
    for model in data.get("model-index") or []:
        if not isinstance(model, dict) or not model.get("name"):
            errors.append('"model-index[0].name" is required')
            continue
        for number, result in enumerate(model.get("results") or []):
            for part in ("task", "dataset", "metrics"):
                if not result.get(part):
                    errors.append(f'"model-index[0].results[{number}].{part}" is required')
            for metric in result.get("metrics") or []:
                if not {"type", "value"} <= set(metric):
                    errors.append(f'"model-index[0].results[{number}].metrics" need a type and a value')
    return errors
