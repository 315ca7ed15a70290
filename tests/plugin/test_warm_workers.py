"""Workers that are forked once everything is collected."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from training_suite import TRAINING, Suite

TEST = "test_training.py::test_training"
WARM = "--mlregress-workers=2"
CLOCKS = ("command", "duration", "seconds", "spent", "started", "time", "timeline", "peak_memory")


def without_clocks(value: Any) -> Any:
    """A report without what differs from run to run."""
    if isinstance(value, dict):
        return {
            name: without_clocks(entry)
            for name, entry in value.items()
            if name not in CLOCKS and not name.endswith("seconds")
        }
    return [without_clocks(entry) for entry in value] if isinstance(value, list) else value


def test_a_report_is_that_of_xdist_and_of_one_process(recorded: Suite) -> None:
    recorded.write(TRAINING.replace("test_training", "test_other"), "test_other.py")
    recorded.record("test_other.py", WARM)
    reports = []
    for workers in (WARM, "-n2", "-n0"):
        recorded.run(workers, "--mlregress-stop=never", apart=True, LOSS="0.05")
        report = without_clocks(recorded.report)
        assert report["settings"].pop("workers") == (2 if workers == WARM else None)
        del report["code"]["uncommitted"], report["code"]["diff_hash"]  # of files of pytester
        for test in report["tests"]:
            assert test["judged_with"]["plan"].pop("parallel") == (workers != "-n0")
        reports.append(report)
    assert reports[0]["tests"]
    assert reports[0] == reports[1]
    for report in reports[1:]:  # at -n0 the process that trains has loaded the statistics, too
        report["environment"].pop("packages", None)
        for test in report["tests"]:
            del test["judged_with"]["seeds"]["environment"]["packages"]
    assert reports[1] == reports[2]


def test_what_is_printed_is_what_xdist_prints(recorded: Suite) -> None:
    recorded.write("def test_plain():\n    assert 1 == 2\n", "test_plain.py")
    options = ("-p", "no:sugar", "--mlregress-stop=never")
    warm = recorded.run(WARM, *options, apart=True, LOSS="0.05").outlines
    xdist = recorded.run("-n2", *options, apart=True, LOSS="0.05").outlines
    assert "2 forked workers [6 items]" in warm

    def shown(lines: list[str]) -> list[str]:
        (begin,) = [number for number, line in enumerate(lines) if " FAILURES " in line]
        return [
            re.sub(r"\bgw\d|\d+\.\d+ s\b|in \d.*s|\d seeds? run.*", "", line)
            for line in lines[begin:]
        ]

    assert sorted(shown(warm)) == sorted(shown(xdist))


def test_each_worker_sets_up_its_own_fixtures(suite: Suite) -> None:
    suite.write(
        """
        import os, time
        from pathlib import Path

        import pytest

        STARTED = os.getpid()


        @pytest.fixture(scope="session")
        def process():
            print("set up")
            yield os.getpid()
            Path(f"torn-down-{os.getpid()}").touch()


        @pytest.mark.parametrize("number", range(4))
        def test_it(process, number, worker_id, tmp_path, capsys):
            assert process == os.getpid() != STARTED
            assert f"popen-{worker_id}" in str(tmp_path)
            print(os.environ["PYTEST_XDIST_WORKER"])
            assert capsys.readouterr().out == f"{worker_id}\\n"
            Path(f"ran-in-{os.getpid()}").touch()
            time.sleep(0.3)
        """
    )
    result = suite.run(WARM, apart=True)
    result.assert_outcomes(passed=4)
    ran = {path.name.removeprefix("ran-in-") for path in suite.path.glob("ran-in-*")}
    torn_down = {path.name.removeprefix("torn-down-") for path in suite.path.glob("torn-down-*")}
    assert len(ran) == 2
    assert ran == torn_down


def test_an_error_of_a_fixture_that_lived_too_long_is_reported(suite: Suite) -> None:
    suite.write(
        """
        import time

        import pytest


        @pytest.fixture(scope="session")
        def broken():
            yield
            print("about to break")
            raise ValueError("broken at its end")


        @pytest.mark.parametrize("number", range(3))
        def test_it(broken, number):
            time.sleep(0.1 * number)
        """
    )
    result = suite.run(WARM, apart=True)
    assert result.parseoutcomes()["passed"] == 3
    assert 1 <= result.parseoutcomes()["errors"] <= 2
    result.stdout.fnmatch_lines(["E       ValueError: broken at its end"])
    result.stdout.fnmatch_lines(["about to break"])
    assert result.ret == 1


def test_output_warnings_and_failures_come_from_workers(suite: Suite) -> None:
    suite.write(
        """
        import sys
        import warnings


        def test_fails():
            print("to stdout")
            print("to stderr", file=sys.stderr)
            warnings.warn("beware")
            assert 0
        """
    )
    result = suite.run(WARM, "--junitxml=junit.xml", apart=True)
    result.assert_outcomes(failed=1, warnings=1)
    result.stdout.fnmatch_lines(
        ["[[]gw0] * -- Python *", "*Captured stdout call*", "to stdout", "*Captured stderr call*",
         "to stderr", "*UserWarning: beware"]
    )  # fmt: skip
    assert 'name="test_fails"' in (suite.path / "junit.xml").read_text()


@pytest.mark.parametrize("option", ["-x", "--maxfail=1"])
def test_a_run_ends_with_the_failure_that_was_asked_for(suite: Suite, option: str) -> None:
    suite.write(
        """
        import time

        import pytest


        @pytest.mark.parametrize("number", range(20))
        def test_it(number):
            time.sleep(0.05)
            assert number
        """
    )
    result = suite.run(WARM, option, apart=True)
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] == 1
    assert outcomes.get("passed", 0) < 19  # of which the other worker may run several meanwhile
    result.stdout.fnmatch_lines(["*stopping after 1 failures*"])
    assert result.ret == 1


def dying(when: str) -> str:
    return TRAINING.replace(
        "accuracy = ", f"if mlregress.seed == 1 and {when}: os._exit(3)\n        accuracy = "
    )


@pytest.mark.parametrize("plugins", [(), ("rerunfailures",)])
def test_a_lost_seed_is_run_again(recorded: Suite, plugins: tuple[str, ...]) -> None:
    recorded.configure(*plugins)
    recorded.write(dying("len(list(__import__('pathlib').Path().glob('died*'))) < 2 and not "
                         "open(f'died{os.getpid()}', 'w').close()"))  # fmt: skip
    result = recorded.run(WARM, "--mlregress-stop=never", apart=True)
    assert recorded.verdicts == {TEST: "identical"}
    assert result.stdout.str().count("replacing crashed worker gw") == 2
    assert result.ret == 0


def test_a_seed_that_is_always_lost_leaves_no_verdict(recorded: Suite) -> None:
    recorded.write(dying("True"))
    result = recorded.run(WARM, "--mlregress-stop=never", apart=True)
    assert recorded.verdicts == {TEST: "incomplete"}
    result.stdout.fnmatch_lines(
        [f"FAILED {TEST} - incomplete, hence no verdict: seed 1: lost with its worker 3 times, *"]
    )
    assert result.ret == 1


def test_another_thread_is_a_reason_for_xdist(recorded: Suite) -> None:
    recorded.write(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), name='watches', daemon=True).start()\n",
        "conftest.py",
    )
    result = recorded.run(WARM, "--mlregress-stop=never", apart=True)
    result.stdout.fnmatch_lines(
        [
            "mlregress: workers are started by xdist, not forked, since the thread 'watches' was "
            "started before the tests"
        ]
    )
    assert recorded.verdicts == {TEST: "identical"}
    assert result.ret == 0


def test_both_kinds_of_workers_are_refused(recorded: Suite) -> None:
    result = recorded.run(WARM, "-n2", apart=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: --mlregress-workers=2 and -n both start workers: leave one of them out, "
            "or give -n 0 where the ini file has the other"
        ]
    )


@pytest.mark.parametrize("value", ["0", "many", "-1", ""])
def test_an_impossible_number_is_refused(recorded: Suite, value: str) -> None:
    result = recorded.run(f"--mlregress-workers={value}", apart=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"ERROR: --mlregress-workers: {value!r} is neither 'auto' nor a number of workers >= 1"]
    )


@pytest.mark.parametrize("option", ["--collect-only", "--mlregress-plan", "--setup-plan", "--pdb"])
def test_what_runs_nothing_forks_nothing(recorded: Suite, option: str) -> None:
    result = recorded.run(WARM, option, apart=True)
    result.stdout.no_fnmatch_line("*forked worker*")
    assert result.ret == 0


def test_auto_says_what_limits_it(recorded: Suite) -> None:
    result = recorded.run("--mlregress-workers=auto", apart=True)
    (line,) = [line for line in result.outlines if "forked worker" in line]
    assert re.fullmatch(r"\d+ forked workers? \[5 items, (\d+ cores?, 1 a seed|5 items|.*)\]", line)


def test_exit_in_a_test_ends_the_run(suite: Suite) -> None:
    suite.write(
        """
        import pytest


        def test_exits():
            pytest.exit("enough", returncode=7)
        """
    )
    result = suite.run(WARM, apart=True)
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*Exit: enough*"])


SLOW = """
    import os, time
    from pathlib import Path

    import pytest


    @pytest.mark.parametrize("number", range(4))
    def test_it(number):
        Path(f"pid-{os.getpid()}").touch()
        time.sleep(60)
"""


def started(suite: Suite) -> subprocess.Popen[str]:
    suite.write(SLOW)
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", WARM],
        cwd=suite.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    end = time.monotonic() + 60
    while len(workers_of(suite)) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    assert len(workers_of(suite)) == 2
    return process


def workers_of(suite: Suite) -> list[int]:
    return [int(path.name.removeprefix("pid-")) for path in suite.path.glob("pid-*")]


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for_end(suite: Suite) -> None:
    end = time.monotonic() + 20
    while any(map(is_running, workers_of(suite))) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(is_running, workers_of(suite)))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_the_run(suite: Suite, number: signal.Signals) -> None:
    process = started(suite)
    os.kill(process.pid, number)
    output, _ = process.communicate(timeout=60)
    wait_for_end(suite)
    if number == signal.SIGINT:
        assert process.returncode == pytest.ExitCode.INTERRUPTED
        assert "KeyboardInterrupt" in output


def test_a_last_failed_run_begins_with_what_failed(recorded: Suite) -> None:
    recorded.run(WARM, apart=True, LOSS="0.5")
    cache = recorded.path / ".pytest_cache/v/cache/lastfailed"
    failed = json.loads(cache.read_text())
    assert set(failed) == {f"{TEST}[seed{seed}]" for seed in range(5)}


def test_another_worker_has_what_a_lost_one_has_not_begun(suite: Suite) -> None:
    suite.write(
        """
        import os

        import pytest


        @pytest.mark.parametrize("number", range(12))
        def test_it(number):
            if number in (1, 4, 7):
                os._exit(1)
        """
    )
    result = suite.run(WARM, apart=True)
    result.assert_outcomes(passed=9, failed=3)


def test_other_plugins_see_what_they_see_of_xdist(recorded: Suite) -> None:
    recorded.configure("html", "metadata", "timeout", "randomly")
    recorded.write(
        """
        import random, time

        import pytest


        @pytest.mark.timeout(0.2)
        def test_slow():
            time.sleep(20)


        def test_random():
            print("drawn:", random.random())
            assert random.random() < 0
        """,
        "test_plain.py",
    )
    drawn, rows = [], []
    for workers in (WARM, "-n2"):
        options = ("-p", "randomly", "--randomly-seed=7", "--html=page.html")
        options = (*options, "--self-contained-html", "--mlregress-stop=never")
        result = recorded.run(workers, *options, apart=True)
        result.stdout.fnmatch_lines(["*Failed: Timeout (>0.2s) from pytest-timeout."])
        assert result.parseoutcomes() == {"failed": 2, "passed": 1, "seeds": 5}
        drawn += [line for line in result.outlines if line.startswith("drawn:")]
        page = (recorded.path / "page.html").read_text(encoding="utf-8")
        rows.append({name: page.count(name) for name in (TEST, "test_slow", "test_random")})
    assert drawn[0] == drawn[1]
    assert rows[0] == rows[1]


def test_a_test_with_a_failed_subtest_has_failed(suite: Suite) -> None:
    pytest.importorskip("_pytest.subtests", reason="pytest 9 has subtests")
    suite.write(
        """
        def test_parts(subtests):
            with subtests.test("one"):
                assert 1 == 2


        def test_whole():
            pass
        """
    )
    result = suite.run(WARM, apart=True)
    assert result.parseoutcomes() == {"failed": 2, "passed": 1}
    assert suite.run("--lf", apart=True).parseoutcomes()["failed"] == 2


def test_what_is_written_and_not_closed_is_not_lost(suite: Suite) -> None:
    suite.write(
        """
        import atexit, time
        from pathlib import Path
        from tempfile import TemporaryDirectory

        import pytest

        print("at import")
        SHARED, OWN = TemporaryDirectory(dir="."), []
        FILE = open("log.txt", "a")
        FILE.write("header\\n")
        atexit.register(lambda: Path("ended.txt").open("a").write("once\\n"))


        @pytest.mark.parametrize("number", range(4))
        def test_it(number):
            print("in test", number)
            FILE.write(f"line {number}\\n")
            atexit.register(lambda: Path(f"ended-{number}").touch())
            OWN.append(TemporaryDirectory(dir="."))
            time.sleep(0.1)
            assert Path(SHARED.name).is_dir()  # one worker that has ended has not removed it
        """
    )
    folders = {path for path in suite.path.iterdir() if path.name.startswith("tmp")}
    lines = suite.run(WARM, "-s", apart=True, PYTHONUNBUFFERED="").outlines
    assert {path for path in suite.path.iterdir() if path.name.startswith("tmp")} == folders
    assert sum("at import" in line for line in lines) == 1
    assert {
        number for number in range(4) if any(f"in test {number}" in line for line in lines)
    } == {*range(4)}
    written = (suite.path / "log.txt").read_text().split("\n")
    assert sorted(written) == ["", "header", *(f"line {number}" for number in range(4))]
    assert (suite.path / "ended.txt").read_text() == "once\n"
    assert len(list(suite.path.glob("ended-*"))) == 4
