"""A small corpus, a small backbone and the two commands, each run in a process that can be killed."""

import json
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

import train
from common.command import end_with_status
from extraction.cache import CachePlan, plan
from extraction.features import extract, pin
from fusion_model.backbones import Backbone, check_backbones
from fusion_model.encoder import BackboneEncoder

ROWS = {"train": 480, "validation": 96}
SHARD_ROWS = 32
LABELS = ("anger", "joy", "fear")
WORDS = ["the", "we", "it", "was", "not", "so", "bus", "rain", "song", "late", "cat", "card", "who", "never", "again"]
# A child of a fork starts at once; imports would take most of a campaign's time otherwise.
FORK = get_context("fork")


@dataclass
class Material:
    """What every trial works on.

    Args:
        folder: A scratch folder.
        backbone: The pinned small backbone.
        texts: Of the split whose extraction is disturbed.
        recipes: Recipe files by what they train: `head`, or `tuned` for a fine-tuned backbone and a head.
    """

    folder: Path
    backbone: Backbone
    texts: list[str]
    recipes: dict[str, Path]

    @property
    def split(self) -> Dataset:
        """The texts as a data set."""
        return Dataset.from_dict({"text": self.texts})

    def plan(self, cache: Path) -> CachePlan:
        """What a cache holds of the texts."""
        return plan(self.split, self.backbone, cache, shard_rows=SHARD_ROWS)

    def extract(self, cache: Path, count: Path) -> None:
        """Extraction, as a command does it."""
        _count_encoded(count)
        extract(self.split, self.backbone, cache_dir=cache, shard_rows=SHARD_ROWS)

    def train(self, cache: Path, count: Path, output: Path, kind: str) -> None:
        """train.py, two seeds of three epochs."""
        _count_encoded(count)
        options = ["--recipe", self.recipes[kind], "--dataset", self.folder / "corpus", "--cache_dir", cache]
        train.main([*map(str, options), "--output_dir", str(output), "--num_runs", "2", "--resume", "--use_cpu"])


def make_material(folder: Path, rng: random.Random) -> Material:
    """Write corpus, backbone and recipes into `folder`."""
    (folder / "corpus").mkdir(parents=True)
    texts: dict[str, list[str]] = {}
    for name, rows in ROWS.items():
        texts[name] = [f"{' '.join(rng.choices(WORDS, k=rng.randint(1, 24)))} {i}" for i in range(rows)]
        lines = [json.dumps({"text": text, "label": rng.choice(LABELS)}) for text in texts[name]]
        (folder / "corpus" / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    backbone = _write_backbone(folder / "backbone")
    frozen = {
        "name": "small",
        "model_id": str(backbone),
        "layers": [1, 2],
        "pooling": ["mean", "max"],
        "max_length": 32,
    }
    training = {"num_train_epochs": 3, "learning_rate": 1e-3, "lexical": True, "use_cpu": True}
    head = {"fusion_dim": 16, "hidden_sizes": [32], "standardise": True, "linear_skip": True}
    recipes = {}
    for kind, extra in (
        ("head", []),
        ("tuned", [{**frozen, "name": "tuned", "layers": [2], "finetune": {"epochs": 2}}]),
    ):
        recipes[kind] = folder / f"{kind}.yaml"
        content = {"description": "Small.", "backbones": [frozen, *extra], "head": head, "training": training}
        recipes[kind].write_text(json.dumps(content), encoding="utf-8")  # JSON is YAML
    return Material(folder, pin(check_backbones([frozen])[0]), texts["train"], recipes)


def _write_backbone(folder: Path) -> Path:
    """A random BERT of two layers and its tokenizer."""
    torch.manual_seed(0)
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator(WORDS, trainer)
    ids = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ids)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "bos_token": "[CLS]", "eos_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names).save_pretrained(folder)
    config = BertConfig(
        vocab_size=120,
        max_position_embeddings=64,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=96,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def _count_encoded(file: Path) -> None:
    """Have this process note each text that it gives to a frozen backbone, so that work done twice is seen."""
    encode = BackboneEncoder.encode

    def noted(self: BackboneEncoder, texts: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        features = encode(self, texts, *args, **kwargs)
        with open(file, "a", encoding="utf-8") as stream:
            stream.write(f"{self.backbone.name} {len(texts)}\n")
        return features

    BackboneEncoder.encode = noted  # type: ignore[method-assign]


def encoded_rows(count: Path) -> int:
    """How many texts were given to the frozen backbone, in all processes that noted it in `count`."""
    if not count.exists():
        return 0
    return sum(int(line.split()[1]) for line in count.read_text(encoding="utf-8").splitlines() if line[:5] == "small")


class Child:
    """A command in a process of its own, whose output goes to a file.

    Args:
        log: The file.
        command: What to run, with the ways to end that the commands have.
        args: Its arguments.
        before: Run first, for instance to set a limit.
    """

    def __init__(self, log: Path, command: Callable[..., None], *args: Any, before: Callable[[], None] | None = None):
        self.log = log
        log.touch()  # a signal may come before the process opens it
        self.process: BaseProcess = FORK.Process(target=self._main, args=(command, args, before))
        self.started = time.perf_counter()
        self.process.start()

    def _main(self, command: Callable[..., None], args: tuple, before: Callable[[], None] | None) -> None:
        os.setpgid(0, 0)  # Ctrl-C on the campaign is not for its children
        # After a fork torch makes its pool of threads anew at the first use, which two threads at once would break.
        torch.set_num_threads(1)
        with open(self.log, "a", encoding="utf-8") as stream:
            for number in (1, 2):
                os.dup2(stream.fileno(), number)
            logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout, force=True)
            logging.getLogger("transformers").setLevel(logging.ERROR)
            if before is not None:
                before()
            status = end_with_status(command, *args, advice="what is finished is kept.")
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)

    def wait(self) -> int:
        """Its exit status once it has ended; a signal's number is negative."""
        self.process.join()
        return int(self.process.exitcode or 0)

    def kill(self, after: float, number: int) -> bool:
        """Send a signal `after` seconds from its start; False if it had ended by then."""
        self.process.join(max(0.0, self.started + after - time.perf_counter()))
        if not self.process.is_alive() or self.process.pid is None:
            return False
        os.kill(self.process.pid, number)
        return True


def model_of(output: Path) -> dict[str, Any]:
    """What a trained model folder is compared by: weights and figures."""
    report = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    return {"weights": load_file(output / "model.safetensors"), "runs": report["runs"], "seed": report["saved_seed"]}


def same_model(left: dict[str, Any], right: dict[str, Any]) -> bool:
    """Whether two models are equal bit for bit, figures included."""
    weights = left["weights"].keys() == right["weights"].keys() and all(
        torch.equal(value, right["weights"][name]) for name, value in left["weights"].items()
    )
    return weights and left["runs"] == right["runs"] and left["seed"] == right["seed"]


SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
