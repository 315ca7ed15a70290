"""What a training pays for being watched: `python -m benchmarks.progress`.

Prints the CPU time of a call of ``mlregress.log`` without and with somebody who watches, in a
worker (which writes small files) and without workers, and of one drawing of the display.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median

from pytest_mlregress.reporting.progress_view import RunView, WorkerView, live_lines
from pytest_mlregress.running import progress_channel
from pytest_mlregress.running.progress_channel import SeedChannel, SeedProgress
from pytest_mlregress.running.run import Run
from pytest_mlregress.running.run_record import RunRecord

CALLS = 50_000
REPEATS = 7
BEGIN = SeedProgress("gw0", "t.py::test[seed0]", "t.py::test", 0, 0.0)


def seconds_per_call(progress: Callable[[], SeedChannel | None]) -> float:
    """The median over repeats of the mean time of a `log` of two values."""
    found = []
    for _ in range(REPEATS):
        record = RunRecord()
        record.progress = progress()
        run = Run(test="t.py::test", seed=0, tier="default", params={}, make_tmp_path=Path,
                  record=record)  # fmt: skip
        began = time.process_time()
        for step in range(CALLS):
            run.log(step, loss=0.5, accuracy=0.9)
        found.append((time.process_time() - began) / CALLS)
    return median(found)


def seconds_per_drawing(workers: int) -> float:
    """The time to lay out and render the display once."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=50)
    views = tuple(
        WorkerView(
            f"gw{k}", "test_digits", "seed 3", 1200, {"loss": 0.1, "accuracy": 0.9}, 41.0, 9.0
        )
        for k in range(workers)
    )
    view = RunView(12, 40, 170.0, 65.0, views, ())
    times = []
    for _ in range(50):
        began = time.process_time()
        console.print(Text("\n".join(live_lines(view, 75, 25)), no_wrap=True))
        times.append(time.process_time() - began)
    return median(times)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "progress-gw0.json"
        nothing = seconds_per_call(lambda: None)
        here = seconds_per_call(lambda: SeedChannel(BEGIN, lambda progress: None))
        worker = seconds_per_call(
            lambda: SeedChannel(BEGIN, lambda one: progress_channel._write(file, asdict(one)))
        )
        began = time.process_time()
        for _ in range(1000):
            progress_channel._write(file, asdict(BEGIN))
        write = (time.process_time() - began) / 1000
    print(f"mlregress.log of two values:       {1e6 * nothing:6.2f} us without anybody who watches")
    for name, found in (("without workers", here), ("in a worker", worker)):
        print(f"  watched {name:16}         {1e6 * found:6.2f} us ({found / nothing:.2f} x)")
    print(f"one file, 4 a second at most:      {1e6 * write:6.0f} us ({4 * write:.3%} of a worker)")
    for workers, often in ((1, 1.0), (8, 4.0)):
        each = seconds_per_drawing(workers)
        print(
            f"one drawing with {workers} worker line(s):   {1e6 * each:6.0f} us "
            f"({often * each:.3%} of the process that draws, {often:g} a second)"
        )


if __name__ == "__main__":
    main()
