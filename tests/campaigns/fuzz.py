"""How many made-up inputs each surface neither answers nor refuses in a sentence.

python -m tests.campaigns.fuzz --examples 10000
"""

import argparse
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.standins import small_model

from .fuzzing import Surface, surfaces


def campaign(surface: Surface, examples: int, start: int) -> tuple[int, Counter[str], dict[str, str]]:
    """Give a surface many inputs, going on after one that it cannot take.

    Args:
        surface: Where to.
        examples: How many inputs.
        start: Seed of the inputs.

    Returns:
        Inputs tried, unhandled errors by where they were raised, and an input for each.
    """
    tried = 0
    unhandled: Counter[str] = Counter()
    samples: dict[str, str] = {}

    @seed(start)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(surface.inputs)
    def attempt(value: Any) -> None:
        nonlocal tried
        tried += 1
        try:
            surface.take(value)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            key = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:120]!r}"
            unhandled[key] += 1
            samples.setdefault(key, repr(value)[:300])

    attempt()
    return tried, unhandled, samples


def main(argv: list[str] | None = None) -> int:
    """Run the campaign; 1 if an input was unhandled."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=10_000, help="Inputs in all.")
    parser.add_argument("--seed", type=int, default=0, help="Other seeds make other inputs.")
    parser.add_argument("--surface", nargs="+", help="Only these.")
    options = parser.parse_args(argv)
    total, failed = 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        chosen = surfaces(folder, small_model(folder / "small"))
        chosen = {name: surface for name, surface in chosen.items() if not options.surface or name in options.surface}
        each = -(-options.examples // len(chosen))
        print(f"{'surface':<16}{'tried':>8}{'unhandled':>11}{'seconds':>9}")
        for name, surface in chosen.items():
            started = time.perf_counter()
            tried, unhandled, samples = campaign(surface, each, options.seed)
            total, failed = total + tried, failed + unhandled.total()
            print(f"{name:<16}{tried:>8,}{unhandled.total():>11,}{time.perf_counter() - started:>9.1f}", flush=True)
            for key, count in unhandled.most_common():
                print(f"    {count} x {key}\n        {samples[key]}")
        print(f"{'all':<16}{total:>8,}{failed:>11,}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
