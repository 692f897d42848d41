"""The `llmembed` recipe's three backbones on a GPU: exact architectures, random weights, real lengths.

python -m benchmarks.gpu_extraction --dataset go_emotions --json gpu_extraction.json
python -m benchmarks.gpu_extraction --tiny --device cpu      # that it runs

Speed does not depend on what the weights are, so nothing is downloaded: token ids are drawn at random, as many a text
as MiniLM's tokenizer gives. Tokens a second, the share of the matrix product rate measured in the same run, texts a
second for all three backbones, peak memory; beside it a naive loop that pads every text to the longest.
"""

import sys
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any

import torch
from transformers import AutoModel, BertConfig, LlamaConfig, PretrainedConfig, PreTrainedModel, RobertaConfig

from benchmarks.measure import in_turn, matrix_rate, model_flops, parser, report
from extraction.sources import load_source
from fusion_model import Backbone, BackboneEncoder
from fusion_model.backbones import check_backbones
from fusion_model.encoder import resolve_dtype
from fusion_model.texts import Text, joined
from fusion_model.tokens import Tokens

LARGE: dict[str, Any] = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
}
LLAMA: dict[str, Any] = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
}
TINY: dict[str, Any] = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 128}
PLENTY = 512


def architectures(tiny: bool) -> dict[str, tuple[PretrainedConfig, dict]]:
    """Configuration of each backbone, and the layers and pooling that the recipe reads."""
    llama = LlamaConfig(vocab_size=32000, max_position_embeddings=4096, rms_norm_eps=1e-5, **TINY if tiny else LLAMA)
    bert = BertConfig(vocab_size=30522, **TINY if tiny else LARGE)
    roberta = RobertaConfig(vocab_size=50265, max_position_embeddings=514, pad_token_id=1, **TINY if tiny else LARGE)
    last = list(range(-3 if tiny else -5, 0))
    return {
        "Llama-2-7b": (llama, {"layers": last, "pooling": ["mean"]}),
        "BERT-large": (bert, {"layers": [-1], "pooling": ["cls"]}),
        "RoBERTa-large": (roberta, {"layers": [-1], "pooling": ["cls"]}),
    }


class RandomEncoder(BackboneEncoder):
    """An encoder of random weights, made on their device in its dtype, that reads drawn token ids.

    Args:
        backbone: How it is read.
        config: What the model is made from.
        ids: Token ids of each text; any other text has one.
        device: Where it runs.
    """

    def __init__(self, backbone: Backbone, config: PretrainedConfig, ids: dict[str, list[int]], device: torch.device):
        super().__init__(backbone, device=device)
        self.config, self.ids = config, ids

    @cached_property
    def facts(self) -> tuple[int, int, bool]:
        """Hidden size, number of token ids, and that there are no segments: no tokenizer is loaded to ask."""
        return self.config.hidden_size, self.config.vocab_size, False

    def load_model(self) -> PreTrainedModel:
        """A model that is not read from any file."""
        before = torch.get_default_dtype()
        torch.set_default_dtype(self.dtype)
        try:
            with torch.device(self.device), torch.inference_mode(False):
                return AutoModel.from_config(self.config).eval().requires_grad_(False)
        finally:
            torch.set_default_dtype(before)

    def tokenize_segments(self, texts: Sequence[Text]) -> Tokens:
        """The ids that were drawn for each text."""
        return [self.ids.get(joined(text), [5]) for text in texts], None


def naive(encoder: BackboneEncoder, token_ids: list[list[int]], batch: int) -> None:
    """Texts as they come, `batch` at a time, all padded to the longest of all, every hidden state kept."""
    longest = max(map(len, token_ids))
    with torch.inference_mode():
        for start in range(0, len(token_ids), batch):
            part = token_ids[start : start + batch]
            ids = torch.tensor([x + [0] * (longest - len(x)) for x in part], device=encoder.device)
            mask = torch.tensor([[1] * len(x) + [0] * (longest - len(x)) for x in part], device=encoder.device)
            hidden = encoder.model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
            torch.stack([hidden[layer].mean(dim=1) for layer in encoder.backbone.layers]).float().cpu()


def main(argv: list[str] | None = None) -> dict | None:
    """Print the table; what goes into the JSON file."""
    command = parser(__doc__)
    command.add_argument("--dataset", default="sample")
    command.add_argument("--texts", type=int, default=16384)
    command.add_argument("--naive_texts", type=int, default=512)
    command.add_argument("--naive_batch", type=int, default=16)
    command.add_argument("--repeats", type=int, default=3)
    command.add_argument("--device", default="cuda")
    command.add_argument("--tiny", action="store_true", help="three layers, for a test that it runs")
    options = command.parse_args(argv)
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print(
            "There is no GPU here that torch can use: nothing was measured. (--tiny --device cpu shows that it runs.)"
        )
        return None
    texts = load_source(options.dataset)["train"]["text"][: options.texts]
    minilm = {"name": "m", "model_id": "sentence-transformers/all-MiniLM-L6-v2", "max_length": 128}
    lengths = [len(ids) for ids in BackboneEncoder(check_backbones([minilm])[0]).tokenize(texts)]
    rate = matrix_rate(resolve_dtype("auto", device), device, size=256 if options.tiny else 8192)
    random = torch.Generator().manual_seed(0)
    rows, total = [], 0.0
    for name, (config, slots) in architectures(options.tiny).items():
        spec = {"name": name.lower().replace("-", "_"), "model_id": name, "max_length": PLENTY, **slots}
        ids = [torch.randint(5, config.vocab_size, (n,), generator=random).tolist() for n in lengths]
        encoder = RandomEncoder(check_backbones([spec])[0], config, dict(zip(texts, ids, strict=True)), device)
        few = ids[: options.naive_texts]
        encoder.encode(texts[:64])
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        ours = min(in_turn({"ours": partial(encoder.encode, texts)}, options.repeats)["ours"])
        peak = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else None
        loop = min(in_turn({"loop": partial(naive, encoder, few, options.naive_batch)}, options.repeats)["loop"])
        flops = model_flops(config, lengths) / ours
        total += ours
        rows.append(
            {
                "backbone": name,
                "texts_a_second": len(ids) / ours,
                "tokens_a_second": sum(lengths) / ours,
                "model_tflops": flops / 1e12,
                "share_of_matrix_rate": flops / rate,
                "peak_gib": peak,
                "naive_texts_a_second": len(few) / loop,
                "times_naive": (len(ids) / ours) / (len(few) / loop),
            }
        )
        del encoder
        torch.cuda.empty_cache()
    return report(
        "gpu extraction",
        rows,
        options.json,
        matrix_tflops=round(rate / 1e12, 3),
        texts_a_second_for_all_three=len(lengths) / total,
        mean_tokens=sum(lengths) / len(lengths),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
