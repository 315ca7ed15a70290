"""Timing of alternatives in turn: A B A B …, so that a noisy machine disturbs all of them alike."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
DIGITS = REPOSITORY / "examples" / "digits_cnn"


def alternate(
    alternatives: Mapping[str, Callable[[], object]], repetitions: int
) -> dict[str, list[float]]:
    """Seconds that each alternative took in each round; one round more, the first, is dropped."""
    seconds: dict[str, list[float]] = {name: [] for name in alternatives}
    for _ in range(repetitions + 1):
        for name, run in alternatives.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: values[1:] for name, values in seconds.items()}


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The median of the ratios within the rounds: what moves both alike cancels."""
    return statistics.median(a / b for a, b in zip(numerators, denominators, strict=True))


def run_pytest(folder: Path, *arguments: str, **environment: str) -> str:
    """What `pytest` prints when it is run in a folder; `RuntimeError` unless it ends green."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(DIGITS), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"pytest {' '.join(arguments)} exited with {done.returncode}:\n"
            f"{done.stdout}{done.stderr}"
        )
    return done.stdout
