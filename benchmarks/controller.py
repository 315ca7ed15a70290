"""What a suite of 100, 1,000 and 10,000 tests costs the process that judges it.

Each size has a process of its own, in which pytest runs with this plugin and everything that it
does for a real run: reports arrive from another process over a socket, as workers send them, pass
through pytest's hooks, are gathered by test and judged against baselines on disk after each seed;
at the end the summary is printed and a JSON report and the history are written. Only the trainings
are missing: see `simulated_suite`. Aims for 10,000 tests x 20 seeds x 3 metrics: 30 s and 1 GB.

The seconds are those of this process's CPU, which a busy machine disturbs less; it never waits for
anything but reports.
"""

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.simulated_suite import SimulatedSuite, messages, write_suite
from pytest_mlregress.engines.messages import Connection, ConnectionLost
from pytest_mlregress.running.stop_flags import StopFlags, stop_flags
from pytest_mlregress.session.worker_count import WARM_WORKERS

SIZES = (100, 1_000, 10_000)
REPORTS = "reports.jsonl"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, nargs="+", default=SIZES)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--metrics", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="where the last JSON report is copied to")
    parser.add_argument("--judge", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--send", help=argparse.SUPPRESS)
    options = parser.parse_args()
    (tests, *_), folder = options.tests, options.judge
    suite = SimulatedSuite(tests, options.seeds, options.metrics)
    if options.send is not None:
        descriptor, flags = options.send.split(":", 1)
        send(int(descriptor), Path.cwd(), suite, StopFlags(Path(flags), owner=False))
    elif folder is not None:
        print(json.dumps(judge(folder, suite)))
    else:
        print(f"{'tests':>7}{'reports s':>11}{'end s':>8}{'in all s':>10}{'ms a test':>11}"
              f"{'peak MB':>9}{'red':>6}   (CPU; {options.seeds} seeds x {options.metrics} metrics)")  # fmt: skip
        for tests in options.tests:
            found = measured(SimulatedSuite(tests, options.seeds, options.metrics), options.keep)
            total = found["loop"] + found["end"]
            print(f"{tests:7}{found['loop']:11.2f}{found['end']:8.2f}{total:10.2f}"
                  f"{1e3 * total / tests:11.2f}{found['peak'] / 1e6:9.0f}{found['red']:6}")  # fmt: skip


def measured(suite: SimulatedSuite, keep: Path | None = None) -> dict[str, Any]:
    """Figures of one size, from a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        reports = write_suite(folder, suite)
        (folder / REPORTS).write_text("".join(json.dumps(one) + "\n" for one in reports))
        done = subprocess.run(
            [*_command(suite), "--judge", str(folder)],
            cwd=Path(__file__).parents[1],
            check=True,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            text=True,
        )
        if keep is not None:
            keep.write_bytes((folder / "report.json").read_bytes())
        return dict(json.loads(done.stdout.splitlines()[-1]))


def judge(folder: Path, suite: SimulatedSuite) -> dict[str, Any]:
    """Run pytest on reports of another process.

    Args:
        folder: pytest's rootdir.
        suite: the suite.

    Returns:
        Seconds of CPU while reports came and after the last one, bytes of memory at the most, and
        how many tests are red.
    """
    os.chdir(folder)
    reported = Reported(suite)
    output = sys.stdout
    with (folder / "output.jsonl").open("w") as sys.stdout:
        pytest.main(
            ["-q", "--rootdir", str(folder), "--mlregress-report=report.json",
             "-p", "pytest_mlregress.plugin"],
            plugins=[reported],
        )  # fmt: skip
    sys.stdout = output
    ended = time.process_time()
    report = json.loads((folder / "report.json").read_text())
    return {
        "loop": reported.last - reported.first,
        "end": ended - reported.last,
        "wall": reported.last_wall - reported.first_wall,
        "peak": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "red": sum(test["colour"] == "red" for test in report["tests"]),
    }


class Reported:
    """Reports of another process in place of items of this one, as the engines pass them on."""

    def __init__(self, suite: SimulatedSuite) -> None:
        self._suite = suite
        self.first = self.last = 0.0
        self.first_wall = self.last_wall = 0.0

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[WARM_WORKERS] = 2

    def pytest_collection(self, session: pytest.Session) -> bool:
        """Nothing is collected here, as in a controller of xdist."""
        ids = [node_id for _, _, node_id in self._suite.node_ids()]
        controller = session.config.pluginmanager.getplugin("mlregress-controller")
        controller.pytest_xdist_node_collection_finished(ids=ids)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        here, there = socket.socketpair()
        flags = stop_flags(session.config).folder
        worker = subprocess.Popen(
            [*_command(self._suite), "--send", f"{there.fileno()}:{flags}"],
            pass_fds=[there.fileno()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        there.close()
        connection, hook, config = Connection(here), session.config.hook, session.config
        try:
            found = connection.received()
            self.first, self.first_wall = time.process_time(), time.perf_counter()
            while True:
                for kind, content, *location in found:
                    if kind == "report":
                        report = hook.pytest_report_from_serializable(config=config, data=content)
                        hook.pytest_runtest_logreport(report=report)
                    elif kind == "start":
                        hook.pytest_runtest_logstart(nodeid=content, location=location[0])
                    else:
                        hook.pytest_runtest_logfinish(nodeid=content, location=location[0])
                found = connection.received()
        except ConnectionLost:
            self.last, self.last_wall = time.process_time(), time.perf_counter()
        worker.wait()
        return True


def send(descriptor: int, folder: Path, suite: SimulatedSuite, flags: StopFlags) -> None:
    """Send what workers would send; the tests that the other process has decided run no seeds."""
    reports = [json.loads(line) for line in (folder / REPORTS).read_text().splitlines()]
    connection = Connection(socket.socket(fileno=descriptor))
    for sent in messages(folder, suite, reports, flags.is_raised):
        for message in sent:
            connection.send(message)
    connection.close()


def _command(suite: SimulatedSuite) -> list[str]:
    return [sys.executable, "-m", "benchmarks.controller", f"--tests={suite.tests}",
            f"--seeds={suite.seeds}", f"--metrics={suite.metrics}"]  # fmt: skip


if __name__ == "__main__":
    main()
