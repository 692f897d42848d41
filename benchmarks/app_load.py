"""Many visitors at a time: are all answered, each for its own text, by a demo that does not grow?

python -m benchmarks.app_load --model outputs/minilm-go_emotions --clients 64 --requests 5000
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np

ROOT = Path(__file__).parents[1]
# Requests by all clients before anything is measured: connections and threads are there, and the caches are full;
# the last of them is gradio's, of the queues of 2,000 callers.
WARM_UP = 2000
# By how much memory may rise after the warm-up before it counts as growing.
LEVEL = 0.05
SUBJECTS = ("I", "My sister", "The teacher", "Nobody", "Everyone", "The old dog", "Our neighbour", "He")
VERBS = ("loved", "hated", "feared", "missed", "celebrated", "ignored", "regretted", "enjoyed")
OBJECTS = ("the party", "that film", "the exam", "this silence", "a long winter", "the surprise", "every mistake")


def sentence(number: int) -> str:
    """A text of its own for each request."""
    words = (part[number // step % len(part)] for part, step in ((SUBJECTS, 1), (VERBS, 8), (OBJECTS, 64)))
    return " ".join([*words, f"on day {number}."])


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def start(model: str) -> tuple[subprocess.Popen, str]:
    """Start the demo as a process of its own, and wait until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "app.py", "--model", model, "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(240):
        if process.poll() is not None:
            raise RuntimeError("The demo did not start: see above.")
        try:
            if httpx.get(url, timeout=5, trust_env=False).status_code == 200:
                return process, url
        except httpx.TransportError:
            time.sleep(0.5)
    raise RuntimeError("The demo did not answer within two minutes.")


async def ask(client: httpx.AsyncClient, url: str, name: str, data: list) -> dict:
    """One request as curl would send it: a POST, then the event stream of its answer."""
    event = (await client.post(f"{url}/gradio_api/call/{name}", json={"data": data})).raise_for_status()
    stream = await client.get(f"{url}/gradio_api/call/{name}/{event.json()['event_id']}")
    kind, payload = stream.text.strip().split("\n\n")[-1].split("\n", 1)
    if kind != "event: complete":
        raise RuntimeError(f"{kind}: {payload[:200]}")
    return json.loads(payload.removeprefix("data: "))[0]


async def classify(client: httpx.AsyncClient, url: str, text: str) -> dict:
    """A text's emotions."""
    return await ask(client, url, "classify", [text, None, 3])


async def run(url: str, pid: int, clients: int, requests: int) -> dict:
    """Send all requests; errors, answers to another's text, seconds, and memory on the way."""
    warm_up, numbers = iter(range(WARM_UP)), iter(range(requests))
    seconds: list[float] = []
    errors: list[str] = []
    wrong: list[str] = []
    scores: dict[int, list] = {}
    every = min(1000, max(1, requests // 4))
    memory: dict[str, float] = {}

    def note(when: str) -> None:
        memory[when] = resident_mb(pid)
        print(f"memory {memory[when]:.0f} MB, {when}", flush=True)

    async def warm(client: httpx.AsyncClient) -> None:
        for number in warm_up:
            await classify(client, url, sentence(number))

    async def visitor(client: httpx.AsyncClient) -> None:
        for number in numbers:
            text = sentence(number)
            started = time.perf_counter()
            try:
                answer = await classify(client, url, text)
            except (httpx.HTTPError, RuntimeError) as error:
                errors.append(f"{type(error).__name__}: {error}")
                continue
            seconds.append(time.perf_counter() - started)
            if answer["text"] != text:
                wrong.append(text)
            if number % 50 == 0:
                scores[number] = answer["emotions"]
            if len(seconds) % every == 0:
                note(f"after {len(seconds):,}")

    # A connection for each request: an idle one that the server just closed would look like an error of its own.
    note("start")
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=120, limits=limits, trust_env=False) as client:
        await asyncio.gather(*(warm(client) for _ in range(clients)))
        note("warm")
        started = time.perf_counter()
        await asyncio.gather(*(visitor(client) for _ in range(clients)))
        total = time.perf_counter() - started
        note("end")
        single: dict[str, list[float]] = {"classify": [], "explain": []}
        for number, before in scores.items():  # the same texts again, alone
            started = time.perf_counter()
            alone = (await classify(client, url, sentence(number)))["emotions"]
            explained = time.perf_counter()
            await ask(client, url, "explain", [sentence(number), None])
            single["classify"].append(explained - started)
            single["explain"].append(time.perf_counter() - explained)
            if any(
                a["label"] != b["label"] or abs(a["score"] - b["score"]) > 1e-3
                for a, b in zip(alone, before, strict=True)
            ):
                wrong.append(sentence(number))
    return {
        "seconds": seconds,
        "errors": errors,
        "wrong": wrong,
        "total": total,
        "memory": memory,
        "checked": len(scores),
        "single": single,
    }


def main() -> int:
    """Print the figures; 1 if a request failed, was answered for another's text, or memory grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="Folder or Hub id.")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=5000)
    options = parser.parse_args()
    process, url = start(options.model)
    try:
        result = asyncio.run(run(url, process.pid, options.clients, options.requests))
    finally:
        process.terminate()
        process.wait(timeout=30)
    p50, p99 = np.percentile(result["seconds"], [50, 99]) * 1000
    growth = result["memory"]["end"] / result["memory"]["warm"] - 1
    busy = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{options.requests:,} requests by {options.clients} clients on {os.cpu_count()} cores; load average {busy}")
    print(f"errors {len(result['errors'])}, answers to another's text {len(result['wrong'])}", end=" ")
    print(f"({result['checked']} compared with the same text read alone)")
    print(f"{len(result['seconds']) / result['total']:.1f} requests a second, p50 {p50:.0f} ms, p99 {p99:.0f} ms")
    print(f"memory {growth:+.1%} from the warm-up to the end")
    for name, values in result["single"].items():
        half, most = np.percentile(values, [50, 99]) * 1000
        print(f"one visitor alone, {name}: p50 {half:.0f} ms, p99 {most:.0f} ms")
    for problem in [*result["errors"], *result["wrong"]][:5]:
        print(problem)
    return 1 if result["errors"] or result["wrong"] or growth > LEVEL else 0


if __name__ == "__main__":
    sys.exit(main())
