"""Prints how a score comes about, from token ids to probability: where two scores differ, compare the lines.

python -m fusion_model.explain_score outputs/minilm-go_emotions "You did what?!"
"""

import argparse
import sys
from collections.abc import Iterator

import torch

from .head import combine_logits
from .modeling_fusion import FusionForSequenceClassification
from .predictions import probabilities
from .windows import Windows

# Tokens that are shown of a text.
SHOWN_TOKENS = 32


@torch.no_grad()
def explain_score(model: FusionForSequenceClassification, text: str, top_k: int = 3) -> Iterator[str]:
    """Yield the lines that lead from a text to its scores.

    Args:
        model: A trained model.
        text: One text.
        top_k: Number of best labels that are followed.

    Yields:
        For each backbone its token ids, dtype and the norm of each slot; for the best labels what each part of the
        model says, their sum over the temperature, the probability and the threshold.

    Raises:
        ValueError: the model's weights are damaged.
    """
    model.eval()
    config = model.config
    features: dict[str, torch.Tensor] = {}
    for backbone in config.backbones:
        encoder = model.encoder(backbone.name)
        ids, windows = encoder.tokenize([text])[0], ""
        if backbone.long_texts == "windows":
            read = Windows(encoder.tokenizer, [text], backbone.max_length)
            windows = f" (the first of {len(read.of_texts[0])} windows, which share {read.overlap})"
        cut = "" if len(ids) <= SHOWN_TOKENS else f" … {len(ids) - SHOWN_TOKENS} more"
        trained = f", trained on {backbone.resolved_dtype}" if backbone.resolved_dtype else ""
        yield f"{backbone.name}: {backbone.model_id}@{backbone.revision or 'as installed'} from {encoder.location}"
        yield f"  {len(ids)} token ids of at most {backbone.max_length}{windows}: {ids[:SHOWN_TOKENS]}{cut}"
        yield f"  dtype {str(encoder.dtype).removeprefix('torch.')}{trained}, on {encoder.device}"
        features[backbone.name] = encoder.encode([text]).to(model.device)
        norms = features[backbone.name].float().unflatten(1, (backbone.num_slots, -1)).norm(dim=-1)[0].tolist()
        for number, norm in enumerate(norms):
            layer, pooling = divmod(number, len(backbone.pooling))
            yield f"  layer {backbone.layers[layer]:>3}, {backbone.pooling[pooling]:<4}: norm {norm:.4f}"
    heads, tuned = model.component_logits(features)
    tfidf = model.lexical([text]) if model.lexical is not None else None
    total = combine_logits(heads, list(tuned.values()), tfidf, config)[0].float()
    parts = {} if heads is None else {f"head {number}": (x[0], 1 / len(heads)) for number, x in enumerate(heads)}
    parts |= {name: (x[0], 1 / len(tuned) if heads is None else config.tuned_weight) for name, x in tuned.items()}
    if tfidf is not None:
        parts["TF-IDF branch"] = (tfidf[0], config.lexical_weight)
    multi_label = config.problem_type == "multi_label_classification"
    scores = probabilities(total.cpu().numpy(), multi_label)
    thresholds = config.thresholds or [0.5] * model.num_labels
    for label in scores.argsort()[::-1][:top_k].tolist():
        yield f"{config.id2label[label]}:"  # type: ignore[index]
        for name, (logits, weight) in parts.items():
            yield f"  {name}: logit {logits[label]:+.4f}, weight {weight:.3g}"
        yield f"  sum over temperature {config.temperature:.4f}: {total[label]:+.4f}"
        kind = f"sigmoid, threshold {thresholds[label]:.4f}" if multi_label else "softmax"
        yield f"  score {scores[label]:.4f} ({kind})"


def main(argv: list[str]) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m fusion_model.explain_score", description=__doc__)
    parser.add_argument("model", help="Model folder or Hub id.")
    parser.add_argument("text", help="One text.")
    parser.add_argument("--top_k", type=int, default=3, help="Number of best labels that are followed.")
    options = parser.parse_args(argv)
    model = FusionForSequenceClassification.from_pretrained(options.model)
    for line in explain_score(model, options.text, options.top_k):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
