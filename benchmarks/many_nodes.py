"""What 500 nodes cost the controller: its run loop with simulated workers, in simulated time.

pytest collects 500 tests x 20 seeds, and the run loop of the engines hands its items out to 1, 50
and 500 workers. Those are simulated: each trains a seed in about ten simulated seconds, and then
sends what a worker sends (see `simulated_suite`). Everything else is real: messages are decoded,
reports pass through pytest's hooks, tests are judged against baselines on disk, and each worker
begins by saying what it has collected. Printed are the CPU seconds and bytes of the controller per
seed, by what it did, and how short seeds may be before 500 workers wait for it.
"""

import argparse
import heapq
import json
import marshal
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.controller import ALPHA, REPORTS, peak_memory
from benchmarks.simulated_suite import (
    TESTS_PER_FILE,
    Message,
    SimulatedSuite,
    messages_of_seed,
    write_suite,
)
from pytest_mlregress.engines.item_run import ItemRun
from pytest_mlregress.engines.queue import ItemQueue
from pytest_mlregress.engines.workers import ENDED
from pytest_mlregress.running.stop_flags import StopFlags, stop_flags
from pytest_mlregress.session.worker_count import WARM_WORKERS

SECONDS = 10.0
WORKERS = (1, 50, 500)
TEST = """
import pytest
"""
ONE_TEST = """
@pytest.mark.seeds({seeds})
def test_{number}(mlregress):
    pass
"""


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=WORKERS)
    parser.add_argument("--tests", type=int, default=500)
    parser.add_argument("--simulate", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    suite = SimulatedSuite(options.tests, seeds=20, metrics=3)
    if options.simulate is not None:
        print(json.dumps(simulate(options.simulate, suite, options.workers[0])))
        return
    seeds = suite.tests * suite.seeds
    print(f"{suite}: {seeds:,} seeds; microseconds of CPU per seed, bytes per seed")
    for workers in options.workers:
        found = measured(suite, workers)
        each = {name: 1e6 * value / seeds for name, value in found["seconds"].items()}
        total = sum(each.values())
        print(
            f"{workers:5} workers {total:7.0f} us = "
            + " + ".join(f"{name} {value:.0f}" for name, value in each.items())
            + f"; {found['messages'] / sum(found['seconds'].values()):,.0f} messages/s; "
            f"{found['memory'] / seeds:,.0f} bytes; workers wait below "
            f"{1e-6 * total * workers:.2f} s a seed"
        )


def measured(suite: SimulatedSuite, workers: int) -> dict[str, Any]:
    """What `simulate` finds, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        reports = write_suite(folder, suite)
        (folder / REPORTS).write_text("".join(json.dumps(one) + "\n" for one in reports))
        write_tests(folder, suite)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.many_nodes", f"--tests={suite.tests}",
             f"--workers={workers}", "--simulate", str(folder)],
            cwd=Path(__file__).parents[1],
            check=True,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            text=True,
        )  # fmt: skip
        return dict(json.loads(done.stdout.splitlines()[-1]))


def write_tests(folder: Path, suite: SimulatedSuite) -> None:
    for first in range(0, suite.tests, TESTS_PER_FILE):
        numbers = range(first, min(first + TESTS_PER_FILE, suite.tests))
        text = "".join(ONE_TEST.format(number=number, seeds=suite.seeds) for number in numbers)
        (folder / suite.test(first).partition("::")[0]).write_text(TEST + text)


def simulate(folder: Path, suite: SimulatedSuite, workers: int) -> dict[str, Any]:
    """Run pytest with simulated workers.

    Args:
        folder: pytest's rootdir.
        suite: the suite.
        workers: how many there are.

    Returns:
        CPU seconds by what the controller did, the number of messages, and the memory that it took
        meanwhile, in bytes.
    """
    os.chdir(folder)
    plugin = SimulatedRun(folder, suite, workers)
    output = sys.stdout
    alpha = f"--mlregress-alpha={ALPHA * suite.tests * suite.metrics}"
    with (folder / "output.jsonl").open("w") as sys.stdout:
        pytest.main(["-q", "--rootdir", str(folder), "-p", "pytest_mlregress.plugin", alpha],
                    plugins=[plugin])  # fmt: skip
    sys.stdout = output
    if not plugin.seconds:
        raise RuntimeError((folder / "output.jsonl").read_text())
    return {"seconds": plugin.seconds, "messages": plugin.messages, "memory": plugin.memory}


class SimulatedRun:
    """Hands the items of a session out to simulated workers."""

    def __init__(self, folder: Path, suite: SimulatedSuite, workers: int) -> None:
        self._folder = folder
        self._suite = suite
        self._workers = workers
        self.seconds: dict[str, float] = {}
        self.messages = self.memory = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[WARM_WORKERS] = self._workers

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        node_ids = [item.nodeid for item in session.items]
        reports = [json.loads(line) for line in (self._folder / REPORTS).read_text().splitlines()]
        flags = stop_flags(session.config)
        workers = SimulatedWorkers(self._folder, self._suite, reports, node_ids, flags)
        queue = ItemQueue(node_ids, range(len(node_ids)))
        before, start = peak_memory(), time.process_time()
        TimedRun(session, workers, queue, self._workers).run(lambda: None)
        in_all = time.process_time() - start
        spent = dict(workers.spent)
        del spent["simulation"]
        spent["loop"] = in_all - sum(workers.spent.values())
        self.seconds, self.messages = spent, workers.messages
        self.memory = peak_memory() - before
        return True


class TimedRun(ItemRun):
    """Takes the CPU time of each kind of message."""

    def _take(self, worker: Any, message: Message) -> None:
        start = time.process_time()
        super()._take(worker, message)
        spent: defaultdict[str, float] = self._workers.spent  # type: ignore[attr-defined]
        spent[NAMES[message[0]]] += time.process_time() - start


NAMES = {
    "collected": "comparing collections",
    "ready": "handing out",
    "start": "reports",
    "report": "reports",
    "finish": "judging",
    "end": "handing out",
}


class SimulatedWorkers:
    """Workers whose clock is a heap of the moments at which each of them speaks next."""

    def __init__(
        self,
        folder: Path,
        suite: SimulatedSuite,
        reports: list[dict[str, Any]],
        node_ids: list[str],
        flags: StopFlags,
    ) -> None:
        self._folder, self._suite, self._reports, self._flags = folder, suite, reports, flags
        self._node_ids = node_ids
        self._planned = list(range(suite.seeds))
        self._draws = random.Random(0)
        self._due: list[tuple[float, int, bytes]] = []
        self._now = 0.0
        self._ended: deque[int] = deque()
        self.spent: defaultdict[str, float] = defaultdict(float)
        self.messages = 0

    def begin(self, number: int) -> None:
        said = [("collected", None), ("ready",)]
        self._say(number, self._draws.uniform(0.0, SECONDS), said)

    def send(self, number: int, message: Message) -> None:
        start = time.process_time()
        _, index, _ = message
        if index == ENDED:
            self._say(number, 0.0, [("end",)])
        else:
            said, seconds = self._run(self._node_ids[index])
            self._say(number, seconds, [*said, ("ready",)])
        self.spent["simulation"] += time.process_time() - start
        self.spent["handing out"] -= time.process_time() - start  # which it is part of

    def receive(self) -> Iterable[tuple[int, Message]]:
        self._now, number, data = heapq.heappop(self._due)
        start = time.process_time()
        said = [marshal.loads(one) for one in marshal.loads(data)]
        self.spent["decoding"] += time.process_time() - start
        self.messages += len(said)
        return [(number, message) for message in said]

    def end(self, number: int) -> None:
        pass

    def close(self) -> None:
        pass

    def _say(self, number: int, seconds: float, said: list[Message]) -> None:
        data = marshal.dumps([marshal.dumps(message) for message in said])
        heapq.heappush(self._due, (self._now + seconds, number, data))

    def _run(self, node_id: str) -> tuple[list[Message], float]:
        test, _, rest = node_id.partition("[seed")
        which = (int(test.rpartition("_")[2]), int(rest[:-1]), node_id)
        stopped = self._flags.is_raised(test)
        said = messages_of_seed(
            self._folder, self._suite, self._reports, which, self._planned, lambda _: stopped
        )
        return said, 0.0 if stopped else self._draws.uniform(0.5, 1.5) * SECONDS


if __name__ == "__main__":
    main()
