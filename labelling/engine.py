"""Ray, started here or joined, and the parts that its actors work on."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    import ray
    import ray.data
    from ray.exceptions import RayError
except ImportError:
    raise OSError("label.py needs Ray: pip install -r requirements-cluster.txt") from None

import psutil

from common.memory import KERNELS

from .environment import ray_folder
from .here import THREADS, usable_cores

# Parts travel as a few numbers, and results do not travel at all: Ray's smallest store (75 MiB) is more than enough.
OBJECT_STORE_BYTES = 80 * 2**20
# Room for a worker with a small backbone; a guess on the safe side.
ACTOR_BYTES = 1_500_000_000
# What workers on other machines import; a machine that has the project needs nothing of it.
PACKAGES = ("fusion_model", "common", "tables", "labelling")


@dataclass(frozen=True)
class Crew:
    """How many actors there are, and what each one takes.

    Args:
        actors: Number of actors.
        threads: Threads of torch in each.
        gpu: Whether each has a GPU of its own.
    """

    actors: int
    threads: int
    gpu: bool


@contextmanager
def running(address: str | None) -> Iterator[None]:
    """Start Ray on this machine, or join a cluster; at the end, stop it or leave the cluster.

    Args:
        address: None for a Ray of one's own, without dashboard, usage statistics or network; else `auto` for the
            cluster that this machine belongs to, or `HOST:PORT` of its head.

    Raises:
        ValueError: the address is one of Ray's client.
        OSError: there is no such cluster, or Ray does not start.
    """
    if address is not None and address.startswith("ray://"):
        raise ValueError(
            f"--address {address}: Ray Data does not run through Ray's client (ray://). Run label.py on a machine of "
            "the cluster, with --address auto or the head's HOST:PORT, or send it there with `ray job submit`."
        )
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    with ray_folder() if address is None else nullcontext() as folder:
        try:
            try:
                if address is None:
                    own: dict[str, Any] = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
                    ray.init(address="local", _temp_dir=folder, **own, **quiet)
                else:
                    root = Path(__file__).parent.parent
                    code = {"py_modules": [str(root / name) for name in PACKAGES]}
                    ray.init(address=address, runtime_env=code, **quiet)
            # Ray ends with Exception itself where one of its processes does not start.
            except Exception as error:
                raise OSError(_refusal(address, error)) from error
            logging.getLogger("ray.data").setLevel(logging.ERROR)
            ray.data.DataContext.get_current().enable_progress_bars = False
            yield
        finally:
            ray.shutdown()


def _refusal(address: str | None, error: Exception) -> str:
    """Why there is no Ray: what it said, and what can be done about it."""
    said = " ".join(str(error).split())[:300]
    if address is None:
        return (
            f"Ray does not start on this machine: {said}. It needs some hundred MB of memory, room in RAY_TMPDIR (or "
            "/tmp), and sockets on 127.0.0.1."
        )
    return (
        f"The Ray cluster '{address}' cannot be joined: {said}. A cluster is started with `ray start --head`; versions "
        "of Python and Ray must be the same everywhere."
    )


def choose_crew(actors: int | None, threads: int | None, local: bool) -> Crew:
    """An actor a GPU, or else one for every few cores, no more than fit in memory.

    Args:
        actors: Number of actors, or None to choose.
        threads: Threads of each, or None to choose.
        local: Whether all runs on this machine.

    Raises:
        ValueError: the cluster has too few cores for one actor.
    """
    resources = ray.cluster_resources()
    cores = int(resources.get("CPU", 1))
    if local:
        # Ray knows of containers' quotas, but not of the cores that this process may not use.
        cores = min(cores, usable_cores())
    gpus = int(resources.get("GPU", 0))
    if gpus:
        return Crew(actors or gpus, threads or max(1, min(4, cores // gpus)), True)
    threads = threads or min(THREADS, max(1, cores // (actors or 1)))
    if actors is None:
        actors = max(1, cores // threads)
        if local:
            actors = max(1, min(actors, psutil.virtual_memory().available // ACTOR_BYTES))
    if actors * threads > cores:
        raise ValueError(
            f"{actors} actor(s) of {threads} thread(s) need {actors * threads} cores, and there are {cores}: Ray would "
            "wait for them forever. Give fewer --actors or --threads."
        )
    return Crew(actors, threads, False)


def run_parts(tasks: list[dict[str, Any]], worker: type, job: Any, crew: Crew) -> Iterator[dict[str, Any]]:
    """Have parts worked on, and yield what is told of each as it ends.

    Args:
        tasks: Parts.
        worker: Class of the actor; called with a batch of one task.
        job: What it is made with.
        crew: How many there are.

    Raises:
        OSError: Ray gives up.
    """
    environment = {"OMP_NUM_THREADS": str(crew.threads), "OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "true"}
    environment |= KERNELS
    parts = ray.data.from_items([{"task": task} for task in tasks], override_num_blocks=len(tasks))
    results = parts.map_batches(
        worker,
        fn_constructor_args=(job,),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=min(crew.actors, len(tasks)), max_tasks_in_flight_per_actor=1),
        num_cpus=1 if crew.gpu else crew.threads,
        num_gpus=1 if crew.gpu else None,
        runtime_env={"env_vars": environment},
    )
    try:
        yield from results.iter_rows()
    except RayError as error:
        raise OSError(f"Ray gave up: {' '.join(str(error).split())[-400:]}") from None
