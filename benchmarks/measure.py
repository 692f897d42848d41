"""What every benchmark needs: the machine, fair repetitions, the matrix product rate, a table and a JSON file."""

import argparse
import json
import os
import platform
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch
from rich.console import Console
from rich.table import Table
from transformers import PretrainedConfig

from training.report import commit, versions

# What a processor needs for fast products in bfloat16 and int8.
CPU_FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8")


def machine() -> dict:
    """Processor, its features that matter here, memory, GPU, threads, and the load when asked."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    fields = dict(line.replace("\t", "").split(": ", 1) for line in lines if ": " in line)
    flags = set(fields.get("flags", "").split())
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    return {
        "processor": fields.get("model name", platform.processor()),
        "cores": os.cpu_count(),
        "features": [name for name in CPU_FEATURES if name in flags],
        "memory_gib": round(pages / 2**30, 1),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A command line with `--json`, described by a module's docstring."""
    result = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--json", type=Path, help="file for the figures")
    return result


def in_turn(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each way, all in turn `repeats` times, so that another's load falls on all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, call in ways.items():
            synchronise()
            started = time.perf_counter()
            call()
            synchronise()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def synchronise() -> None:
    """Wait for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def matrix_rate(dtype: torch.dtype, device: torch.device | str = "cpu", size: int = 1024, repeats: int = 30) -> float:
    """Floating-point operations a second of products of two square matrices: the median of `repeats`."""
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    a @ b
    return 2 * size**3 / statistics.median(in_turn({"product": lambda: a @ b}, repeats)["product"])


def model_flops(config: PretrainedConfig, lengths: Sequence[int]) -> float:
    """Operations of a transformer's layers on texts of these token counts: products of weights, and attention's two."""
    hidden, wide = config.hidden_size, config.intermediate_size
    heads = config.num_attention_heads
    key_width = hidden * (getattr(config, "num_key_value_heads", None) or heads) // heads
    # A decoder of Llama's build has three feed-forward matrices, an encoder of BERT's two.
    matrices = 3 if getattr(config, "hidden_act", "") == "silu" else 2
    weights = 2 * hidden * hidden + 2 * hidden * key_width + matrices * hidden * wide
    return float(config.num_hidden_layers * sum(2 * n * weights + 4 * n * n * hidden for n in lengths))


def memory(root: psutil.Process, role: Callable[[psutil.Process], str] = lambda process: "all") -> Counter[str]:
    """Bytes that a process and those it started have in memory, by `role`; what processes share is counted once."""
    found: Counter[str] = Counter()
    for process in [root, *root.children(recursive=True)]:
        try:
            found[role(process)] += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@contextmanager
def peak_memory(every: float = 0.1) -> Iterator[dict[str, float]]:
    """Look at this process's memory meanwhile, from a thread.

    Args:
        every: Seconds.

    Yields:
        Filled at the end, in MiB: `peak_memory`, and `peak_without_files`, which leaves out pages of mapped files, as
        those of the cache: the system takes them back when others need memory.
    """
    process, ended, found = psutil.Process(), threading.Event(), {"peak_memory": 0.0, "peak_without_files": 0.0}

    def look() -> None:
        while True:
            now = process.memory_info()
            files = getattr(now, "shared", 0)  # told by Linux alone
            for name, size in zip(found, (now.rss, now.rss - files), strict=True):
                found[name] = max(found[name], size / 2**20)
            if ended.wait(every):
                return

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def report(title: str, rows: list[dict], path: Path | None, **more: object) -> dict:
    """Print rows as a table, and write them with machine, versions and commit.

    Args:
        title: Of the table; also says which benchmark a file is of.
        rows: Dicts with the same keys, in the order of the columns.
        path: JSON file, or None.
        more: Further figures for the file, printed below the table.

    Returns:
        What was written.
    """
    table = Table(title=title, title_justify="left")
    for key in rows[0]:
        table.add_column(key.replace("_", " "), justify="left" if isinstance(rows[0][key], str) else "right")
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    console = Console(width=160)
    console.print(table)
    about = machine()
    features = ", ".join(about["features"]) or "no special features"
    console.print(
        f"{about['processor']}, {about['cores']} cores ({features}), {about['gpu'] or 'no GPU'}, "
        f"{about['threads']} threads, load {about['load']}"
    )
    for name, value in more.items():
        console.print(f"{name.replace('_', ' ')}: {_shown(value)}")
    written = {"benchmark": title, "rows": rows, **more, "machine": about, "versions": versions(), "commit": commit()}
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    return written


def _shown(value: object) -> str:
    """A number in a few digits."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
