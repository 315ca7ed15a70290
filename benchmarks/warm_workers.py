"""Forked workers beside xdist's: how soon they are ready, their memory, and a whole run.

- ready: eight workers that import torch, on the cores that there are: from the start of pytest to
  the moment when the last of eight tests begins, and the memory of all processes together, the one
  that judges included (shared pages counted once, the sum of Pss). Aims: 2.5 s and 1.2 GB.
- run: eight seeds of the digits training on two workers, with start-up, beside the ideal: the
  trainings one after the other divided by two, and one import of torch. Aim: 1.15. And beside the
  ideal with what else every process that trains has to import, scikit-learn and torch's compiler.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import DIGITS, alternate, median_ratio, run_pytest

WORKERS = 8
SEEDS = 8

READY = f"""
import os, time
from pathlib import Path
import pytest, torch


@pytest.mark.parametrize("number", range({WORKERS}))
def test_it(number):
    torch.ones(8) @ torch.ones(8)
    began = time.time()
    time.sleep(1.0)  # so that no worker takes two, and all are there when memory is read
    memory = pages(os.getpid())
    process = os.getppid()
    while number == 0 and b"pytest" in Path(f"/proc/{{process}}/cmdline").read_bytes():
        memory += pages(process)
        process = int(Path(f"/proc/{{process}}/stat").read_text().rpartition(")")[2].split()[1])
    Path(f"began-{{os.getpid()}}").write_text(f"{{began}} {{memory}}")
    time.sleep(1.0)


def pages(process):
    lines = Path(f"/proc/{{process}}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
"""

SEEDS_TEST = f"""
import os
import digits, pytest


@pytest.mark.seeds({SEEDS})
def test_seeds(mlregress):
    data = digits.load()
    model = digits.train(data, seed=mlregress.seed, epochs=int(os.environ["EPOCHS"]))
    mlregress.record("accuracy", digits.evaluate(model, data)[0], higher_is_better=True)
"""

ALONE = f"""
import sys, time
start = time.perf_counter()
import torch
imported = time.perf_counter() - start
torch.set_num_threads(1)
start = time.perf_counter()
import digits
data = digits.load()
import torch._dynamo
others = time.perf_counter() - start
digits.train(data, seed=0, epochs=1)
start = time.perf_counter()
for seed in range({SEEDS}):
    digits.evaluate(digits.train(data, seed=seed, epochs=int(sys.argv[1])), data)
print(imported, others, time.perf_counter() - start)
"""

WAYS = {"forked": "--mlregress-workers={}", "xdist": "-n{}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure_ready(Path(name), options.repetitions)
    with tempfile.TemporaryDirectory() as name:
        measure_run(Path(name), options.repetitions, str(options.epochs))


def measure_ready(folder: Path, repetitions: int) -> None:
    (folder / "test_ready.py").write_text(READY)
    print(f"{WORKERS} workers with torch on {os.cpu_count()} cores, median of {repetitions}")
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(repetitions):
        for way, option in WAYS.items():
            found[way].append(ready(folder, option.format(WORKERS)))
    for way, values in found.items():
        seconds, memory = (statistics.median(part) for part in zip(*values, strict=True))
        print(
            f"  {way:8} ready in {seconds:5.1f} s   {memory / 1e6:5.2f} GB   (aims 2.5 s, 1.2 GB)"
        )
    ratios = [
        statistics.median(a[part] / b[part] for a, b in zip(*found.values(), strict=True))
        for part in (0, 1)
    ]
    print(f"  forked / xdist    {ratios[0]:5.2f}     {ratios[1]:5.2f}")


def ready(folder: Path, option: str) -> tuple[float, float]:
    """Seconds until the last worker has begun, and the memory of all of them in kB."""
    for file in folder.glob("began-*"):
        file.unlink()
    start = time.time()
    run_pytest(folder, option)
    files = [file.read_text().split() for file in folder.glob("began-*")]
    if len(files) != WORKERS:
        raise RuntimeError(f"{len(files)} of {WORKERS} workers had a test")
    began, memory = zip(*files, strict=True)
    return max(map(float, began)) - start, sum(map(int, memory))


def measure_run(folder: Path, repetitions: int, epochs: str) -> None:
    (folder / "test_seeds.py").write_text(SEEDS_TEST)
    alone: list[tuple[float, float, float]] = []
    seconds = alternate(
        {
            **{way: lambda option=option: run(folder, option, epochs) for way, option in
               WAYS.items()},
            "alone": lambda: alone.append(train_alone(epochs)),
        },
        repetitions,
    )  # fmt: skip
    ideal = [imported + trained / 2 for imported, _, trained in alone[1:]]
    with_others = [imported + others + trained / 2 for imported, others, trained in alone[1:]]
    print(f"{SEEDS} seeds of the digits training on 2 workers, median of {repetitions}")
    for way in WAYS:
        print(
            f"  {way:8} {statistics.median(seconds[way]):5.1f} s   "
            f"{median_ratio(seconds[way], ideal):5.2f} x (training / 2 + one import of torch)   "
            f"(aim 1.15)   {median_ratio(seconds[way], with_others):5.2f} x with all its imports"
        )
    print(
        f"  ideal    {statistics.median(ideal):5.1f} s   "
        f"with all imports {statistics.median(with_others):5.1f} s"
    )


def run(folder: Path, option: str, epochs: str) -> None:
    run_pytest(folder, option.format(2), "--mlregress-update", "--mlregress-allow-dirty",
               f"--mlregress-baseline-seeds={SEEDS}", EPOCHS=epochs)  # fmt: skip


def train_alone(epochs: str) -> tuple[float, float, float]:
    """Seconds of importing torch, of the other imports, and of all trainings one by one."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE, epochs],
        env={**os.environ, "PYTHONPATH": str(DIGITS), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    imported, others, trained = map(float, done.stdout.split())
    return imported, others, trained


if __name__ == "__main__":
    main()
