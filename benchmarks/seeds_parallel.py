"""Eight seeds of the digits training on two workers, three ways.

- plain: `parametrize("seed", range(8))` with `-n 2` and no plugin, each worker with its default
  number of threads, as most projects run it;
- mlregress: the same training as one `seeds(8)` test with `-n 2`;
- ideal: the eight trainings alone, one after the other on one thread, divided by two.

Aims: mlregress at most 0.6 of plain (two cores), and at most 1.15 of ideal once the start-up of
pytest, its workers and their imports is taken off (the same run with trainings of no epoch).
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import DIGITS, alternate, median_ratio, run_pytest

SEEDS = 8

PLAIN = f"""
import os
import digits, pytest

@pytest.mark.parametrize("seed", range({SEEDS}))
def test_plain(seed):
    data = digits.load()
    model = digits.train(data, seed=seed, epochs=int(os.environ["EPOCHS"]))
    assert digits.evaluate(model, data)[0] > 0
"""

MLREGRESS = f"""
import os
import digits, pytest

@pytest.mark.seeds({SEEDS})
def test_seeds(mlregress):
    data = digits.load()
    model = digits.train(data, seed=mlregress.seed, epochs=int(os.environ["EPOCHS"]))
    mlregress.record("accuracy", digits.evaluate(model, data)[0], higher_is_better=True)
"""

ALONE = f"""
import sys, time, torch
torch.set_num_threads(1)
import digits
data = digits.load()
digits.train(data, seed=0, epochs=1)
start = time.perf_counter()
for seed in range({SEEDS}):
    digits.evaluate(digits.train(data, seed=seed, epochs=int(sys.argv[1])), data)
print(time.perf_counter() - start)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    epochs = str(options.epochs)
    alone: list[float] = []

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_plain.py").write_text(PLAIN)
        (folder / "test_seeds.py").write_text(MLREGRESS)
        seconds = alternate(
            {
                "plain": lambda: run_plain(folder, epochs),
                "mlregress": lambda: run_mlregress(folder, epochs),
                "start-up": lambda: run_mlregress(folder, "0"),
                "alone": lambda: alone.append(train_alone(epochs)),
            },
            options.repetitions,
        )

    ideal = [total / 2 for total in alone[1:]]
    net = [a - b for a, b in zip(seconds["mlregress"], seconds["start-up"], strict=True)]
    print(
        f"{SEEDS} seeds, {epochs} epochs, {os.cpu_count()} cores, median of {options.repetitions}"
    )
    print(f"  plain parametrize -n 2   {statistics.median(seconds['plain']):6.1f} s")
    print(f"  mlregress -n 2           {statistics.median(seconds['mlregress']):6.1f} s")
    print(f"    of which start-up      {statistics.median(seconds['start-up']):6.1f} s")
    print(f"  ideal: alone / 2         {statistics.median(ideal):6.1f} s")
    ratio = median_ratio(seconds["mlregress"], seconds["plain"])
    print(f"  mlregress / plain        {ratio:6.2f}     (aim: at most 0.60)")
    print(f"  net of start-up / ideal  {median_ratio(net, ideal):6.2f}     (aim: at most 1.15)")


def run_plain(folder: Path, epochs: str) -> None:
    run_pytest(folder, "test_plain.py", "-n", "2", "-p", "no:mlregress", EPOCHS=epochs)


def run_mlregress(folder: Path, epochs: str) -> None:
    run_pytest(folder, "test_seeds.py", "-n", "2", "--mlregress-missing=warn", EPOCHS=epochs)


def train_alone(epochs: str) -> float:
    """Seconds of all trainings in one process on one thread, imports not counted."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE, epochs],
        env={**os.environ, "PYTHONPATH": str(DIGITS)},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


if __name__ == "__main__":
    main()
