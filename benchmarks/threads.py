"""What `--mlregress-threads` does: six seeds of the digits training on two workers.

`1` is the default.  `keep` leaves the threads as the caller has set them: where nobody has, each
worker takes all cores, and two workers on two cores get in each other's way.
"""

import argparse
import os
import statistics
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.timing import alternate, median_ratio, run_pytest

TEST = """
import digits, pytest

@pytest.mark.seeds(6)
def test_seeds(mlregress):
    data = digits.load()
    model = digits.train(data, seed=mlregress.seed, epochs=8)
    mlregress.record("accuracy", digits.evaluate(model, data)[0], higher_is_better=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--workers", default="2")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_seeds.py").write_text(TEST)
        arguments = ("-n", options.workers, "--mlregress-missing=warn")
        seconds = alternate(
            {
                threads: partial(run_pytest, folder, *arguments, f"--mlregress-threads={threads}")
                for threads in ("1", "2", "keep")
            },
            options.repetitions,
        )

    print(f"-n {options.workers}, {os.cpu_count()} cores, median of {options.repetitions} rounds")
    for threads, values in seconds.items():
        ratio = median_ratio(values, seconds["1"])
        print(f"  --mlregress-threads={threads:5}{statistics.median(values):6.1f} s {ratio:6.2f}x")


if __name__ == "__main__":
    main()
