"""Seeds in jobs of a Slurm cluster: here in processes of this machine, through submitit."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import fake_slurm
import pytest

pytest.importorskip("submitit", reason="needs submitit, see tests/engines/requirements.txt")
pytestmark = pytest.mark.slow

ENGINE = ("--mlregress-engine=slurm", "--mlregress-workers=2")
LOCAL = (*ENGINE, "--mlregress-slurm-cluster=local")
TEST = "test_training.py::test_training"

TRAINING = """
    import os
    import random
    import signal
    import time
    from pathlib import Path

    import pytest


    def first_time(seed):
        try:
            Path(f"tried-{seed}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


    @pytest.mark.seeds(5)
    def test_training(mlregress, seed):
        with open("seeds", "a") as file:
            file.write(f"{seed}\\n")
        MISHAP
        accuracy = random.gauss(0.9, 0.01) - float(os.environ.get("LOSS", "0"))
        mlregress.record("accuracy", accuracy, higher_is_better=True)
"""


class Suite:
    def __init__(self, pytester: pytest.Pytester) -> None:
        self.path = pytester.path
        self._pytester = pytester
        pytester.makeini(
            "[pytest]\n"
            "addopts = -p pytest_mlregress.plugin -p xdist\n"
            "mlregress_baseline_seeds = 10\n"
            "mlregress_allow_dirty = true"
        )

    def write(self, mishap: str = "pass") -> None:
        self._pytester.makepyfile(test_training=TRAINING.replace("MISHAP", mishap))

    def run(self, *arguments: str) -> pytest.RunResult:
        return self._pytester.runpytest_subprocess("--mlregress-report=report.json", *arguments)

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.path / "report.json").read_text("utf-8"))

    @property
    def verdict(self) -> str:
        (test,) = self.report["tests"]
        return test["verdict"]

    @property
    def seeds(self) -> list[int]:
        """The seeds that were begun, in the order of their numbers."""
        return sorted(map(int, (self.path / "seeds").read_text().split()))

    @property
    def left(self) -> list[Path]:
        """The folders of runs that are left."""
        return list((self.path / ".mlregress/slurm").glob("*"))


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # of plugins that take long to load
    suite = Suite(pytester)
    suite.write()
    return suite


_BASELINES: dict[str, bytes] = {}
"""Of the suite, once they are recorded."""


@pytest.fixture
def recorded(suite: Suite) -> Suite:
    folder = suite.path / "__baselines__"
    if not _BASELINES:
        assert suite.run("--mlregress-update").ret == 0
        (suite.path / "seeds").unlink()
        files = (file for file in folder.rglob("*") if file.is_file())
        _BASELINES.update({str(file.relative_to(folder)): file.read_bytes() for file in files})
    for name, content in _BASELINES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return suite


def without_clocks(value: Any) -> Any:
    """A document without what differs from run to run."""
    clocks = ("command", "spent", "started", "time", "peak_memory", "revision", "duration")
    if isinstance(value, dict):
        return {
            name: without_clocks(entry)
            for name, entry in value.items()
            if name not in clocks and not name.endswith("seconds")
        }
    return [without_clocks(entry) for entry in value] if isinstance(value, list) else value


def test_verdict_and_artifact_are_those_of_xdist(suite: Suite) -> None:
    artifacts, reports = [], []
    for workers in (LOCAL, ("-n2",)):
        shutil.rmtree(suite.path / "__baselines__", ignore_errors=True)
        assert suite.run("--mlregress-update", *workers).ret == 0
        (artifact,) = suite.path.glob("__baselines__/**/*.json")
        artifacts.append(without_clocks(json.loads(artifact.read_text())))
        suite.run("--mlregress-stop=never", *workers)
        (test,) = suite.report["tests"]
        reports.append(without_clocks(test))
    assert artifacts[0] == artifacts[1]
    assert reports[0] == reports[1]
    assert reports[0]["verdict"] == "identical"
    assert not suite.left


def test_a_seed_that_was_lost_is_run_again(recorded: Suite) -> None:
    """A process that dies, a job that is pre-empted, one that is killed: each in mid-seed."""
    recorded.write(
        """
        mishaps = {
            1: lambda: os.kill(os.getpid(), signal.SIGKILL),
            2: lambda: os.kill(os.getppid(), signal.SIGUSR2),
            3: lambda: os.kill(os.getppid(), signal.SIGKILL),
        }
        if seed in mishaps and first_time(seed):
            mishaps[seed]()
            time.sleep(60)
        """.strip()
    )
    result = recorded.run("--mlregress-stop=never", *LOCAL)
    assert recorded.verdict == "identical"
    assert recorded.seeds == [0, 1, 1, 2, 2, 3, 3, 4]
    assert result.stdout.str().count("replacing crashed worker gw") == 3
    assert result.ret == 0
    assert len(recorded.left) == 1  # with the logs of what was lost


def test_a_seed_that_takes_longer_than_a_job_may_leaves_no_verdict(recorded: Suite) -> None:
    recorded.write("if seed == 1: time.sleep(60)")
    limit = [f"--mlregress-slurm-parameters={text}" for text in ("time=0:08", "signal_delay_s=2")]
    result = recorded.run("--mlregress-stop=never", *LOCAL, *limit)
    assert recorded.verdict == "incomplete"
    assert recorded.seeds == [0, 1, 1, 1, 2, 3, 4]
    result.stdout.fnmatch_lines(
        [
            "lost with its worker 3 times, its job reached its time limit of 0.133 min, see time "
            "in mlregress_slurm_parameters (log *_log.err) each time"
        ]
    )


def test_a_job_that_cannot_start_says_why(recorded: Suite) -> None:
    other = recorded.path / "other" / "pytest_mlregress"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise ImportError('not on this node')")
    (recorded.path / "conftest.py").write_text(
        "import os\n\n"
        f"def pytest_collection_finish():\n    os.environ['PYTHONPATH'] = {str(other.parent)!r}\n"
    )
    result = recorded.run(*LOCAL)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: no job could start: its job * ended before its time",
            f"the end of {recorded.path}/.mlregress/slurm/*_log.err:",
            "ImportError: not on this node",
        ]
    )


def processes_of(folder: Path) -> list[int]:
    """Those that run in a folder or have it on their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            here = str(folder) in line or folder == (process / "cwd").readlink()
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if here and state != "Z" and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_ctrl_c_leaves_nothing_behind(recorded: Suite) -> None:
    recorded.write("time.sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *LOCAL],
        cwd=recorded.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    end = time.monotonic() + 60
    while not (recorded.path / "seeds").exists() and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    output, _ = process.communicate(timeout=60)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in output
    assert not processes_of(recorded.path)
    assert not recorded.left


def test_sbatch_gets_one_array_for_each_need(
    recorded: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = recorded.path / "commands"
    fake_slurm.install(commands)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    (recorded.path / "test_other.py").write_text(
        "import pytest\n\n"
        "@pytest.mark.mlregress(num_cpus=2, num_gpus=0.5, memory='1GB')\n"
        "@pytest.mark.parametrize('number', range(3))\n"
        "def test_other(mlregress, number):\n"
        "    mlregress.record('x', number, higher_is_better=True)\n"
    )
    recorded.write(
        """
        if seed == 2 and first_time(2):
            os.kill(os.getppid(), signal.SIGUSR2)  # Slurm says that it will take the node
            time.sleep(60)
        if seed == 3 and first_time(3):  # it takes it without a word
            task = os.environ.get("SLURM_ARRAY_TASK_ID")
            job = os.environ["SLURM_JOB_ID"] + (f"_{task}" if task else "")
            os.system(f"scontrol requeue {job}")
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        """.strip()
    )
    given = ("partition=gpu", "time=1:30:00", "mem=2G", "setup=module load cuda || true")
    result = recorded.run(
        "--mlregress-stop=never",
        "--mlregress-engine=slurm",
        "--mlregress-workers=3",
        *(f"--mlregress-slurm-parameters={text}" for text in given),
    )
    assert len(fake_slurm.calls(commands, "sbatch")) == 2, result.stdout.str()
    scripts = [path.read_text().splitlines() for path in sorted(commands.glob("script-*"))]
    for script in scripts:
        assert {"#SBATCH --partition=gpu", "#SBATCH --time=90", "#SBATCH --requeue"} <= {*script}
        assert "module load cuda || true" in script
    (larger,) = [script for script in scripts if "#SBATCH --mem=2G" not in script]
    assert "#SBATCH --mem=954M" in larger
    assert {"#SBATCH --cpus-per-task=2", "#SBATCH --gpus-per-task=1"} <= {*larger}
    assert recorded.seeds == [0, 1, 2, 2, 3, 3, 4]
    assert len(fake_slurm.calls(commands, "scontrol")) == 2
    assert {test["id"]: test["verdict"] for test in recorded.report["tests"]}[TEST] == "identical"


def test_what_sbatch_refuses_is_told(recorded: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = recorded.path / "commands"
    fake_slurm.install(commands)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    result = recorded.run(*ENGINE, "--mlregress-slurm-parameters=partition=nowhere")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: sbatch refuses the jobs: sbatch: error: invalid partition specified: nowhere",
            "what they ask for is in the marker mlregress (num_cpus, num_gpus, memory) and in "
            "mlregress_slurm_parameters",
        ]
    )


def test_a_suite_that_each_process_collects_anew_is_refused(suite: Suite) -> None:
    suite.path.joinpath("test_training.py").write_text(
        "import os\n"
        "import pytest\n\n\n"
        '@pytest.mark.parametrize("process", [os.getpid()])\n'
        "@pytest.mark.seeds(2)\n"
        "def test_training(mlregress, process):\n"
        '    mlregress.record("accuracy", 0.9, higher_is_better=True)\n'
    )
    result = suite.run(*LOCAL)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: worker 'gw?' has collected 2 items where this process has 2: it lacks "
            "test_training.py::test_training[[]*-seed0]; the code that it imports is not the one "
            "that is here, or what is collected depends on the process (a random name, the time, "
            "a set's order)"
        ]
    )
