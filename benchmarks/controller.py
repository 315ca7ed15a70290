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
ALPHA = 1.6e-5
"""Of one comparison, in a suite of any size: that of 3,000 at alpha 0.05, so that sizes differ in
nothing else."""


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, nargs="+", default=SIZES)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--metrics", type=int, default=3)
    parser.add_argument("--report", action="store_true", help="write a JSON report, too")
    parser.add_argument("--judge", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--send", help=argparse.SUPPRESS)
    options = parser.parse_args()
    suites = [SimulatedSuite(tests, options.seeds, options.metrics) for tests in options.tests]
    if options.send is not None:
        descriptor, flags = options.send.split(":", 1)
        send(int(descriptor), Path.cwd(), suites[0], StopFlags(Path(flags), owner=False))
        return
    if options.judge is not None:
        print(json.dumps(judge(options.judge, suites[0], report=options.report)))
        return
    print(f"{'':40}{'reports':>9}{'end':>9}{'in all':>10}{'a test':>10}{'peak':>10}   red")
    for suite in suites:
        found = measured(suite, report=options.report)
        total = found["loop"] + found["end"]
        print(
            f"{suite!s:40}{found['loop']:7.1f} s{found['end']:7.1f} s{total:8.1f} s"
            f"{1e3 * total / suite.tests:7.2f} ms{found['peak'] / 1e6:7.0f} MB{found['red']:6}"
        )


def measured(suite: SimulatedSuite, *, report: bool = False) -> dict[str, Any]:
    """What `judge` finds of one size, in a process of its own.

    Args:
        suite: the suite.
        report: whether a JSON report is written, too.

    Returns:
        Its figures.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        reports = write_suite(folder, suite)
        (folder / REPORTS).write_text("".join(json.dumps(one) + "\n" for one in reports))
        done = subprocess.run(
            [*_command(suite), "--judge", str(folder), *(["--report"] if report else [])],
            cwd=Path(__file__).parents[1],
            check=True,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            text=True,
        )
        return dict(json.loads(done.stdout.splitlines()[-1]))


def judge(folder: Path, suite: SimulatedSuite, *, report: bool = False) -> dict[str, Any]:
    """Run pytest on reports of another process.

    Args:
        folder: pytest's rootdir.
        suite: the suite.
        report: whether a JSON report is written, too.

    Returns:
        Seconds of CPU while reports came and after the last one, bytes of memory at the most, and
        how many tests failed.
    """
    os.chdir(folder)
    reported = Reported(suite)
    alpha = f"--mlregress-alpha={ALPHA * suite.tests * suite.metrics}"
    options = ["-q", "--rootdir", str(folder), "-p", "pytest_mlregress.plugin", alpha]
    output = sys.stdout
    with (folder / "output.jsonl").open("w") as sys.stdout:
        pytest.main([*options, *(["--mlregress-report=report.json"] if report else [])],
                    plugins=[reported])  # fmt: skip
    sys.stdout = output
    ended = time.process_time()
    if reported.last == reported.first:
        raise RuntimeError((folder / "output.jsonl").read_text())
    return {
        "loop": reported.last - reported.first,
        "end": ended - reported.last,
        "wall": reported.last_wall - reported.first_wall,
        "peak_of_loop": reported.peak,
        "peak": peak_memory(),
        "red": reported.failed,
    }


def peak_memory() -> int:
    """The most resident memory of this process so far, in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class Reported:
    """Reports of another process in place of items of this one, as the engines pass them on."""

    def __init__(self, suite: SimulatedSuite) -> None:
        self._suite = suite
        self.first = self.last = 0.0
        self.first_wall = self.last_wall = 0.0
        self.peak = self.failed = 0

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
            self.peak = peak_memory()
        worker.wait()
        return True

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.failed = session.testsfailed


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
