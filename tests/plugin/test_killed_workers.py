"""Workers that are killed while they run a seed: the report is that of a run without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from training_suite import Suite

TEST = "test_training.py::test_training"

KILLED = """
    import os
    import random
    import signal
    from pathlib import Path

    import pytest


    def die_once(seed, when):
        '''In the first attempt of a seed.'''
        if os.environ.get("DIE") != "once":
            return
        (folder := Path("tried")).mkdir(exist_ok=True)
        mark = folder / f"{when}{seed}"
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


    @pytest.fixture
    def data(seed):
        if seed == 0:
            die_once(seed, "setup")
        yield
        if seed == 3:
            die_once(seed, "teardown")


    @pytest.mark.seeds(5)
    def test_training(mlregress, seed, data):
        value = random.gauss(0.9, 0.01) - float(os.environ.get("LOSS", "0"))
        if seed == 1:
            die_once(seed, "call")
        if seed == 2 and os.environ.get("DIE") == "always":
            os.kill(os.getpid(), signal.SIGKILL)
        mlregress.log(1, loss=1 - value)
        mlregress.record("accuracy", value, higher_is_better=True)
"""

CLOCKS = (
    *("started", "duration", "time", "command", "peak_memory", "peak_gpu_memory"),
    *("training_seconds", "timeline", "diff_hash"),
)
"""What differs from run to run: seconds, memory, and the files of pytester."""


def without_clocks(value: Any) -> Any:
    """A report without what differs from run to run."""
    if isinstance(value, dict):
        return {name: without_clocks(one) for name, one in value.items() if name not in CLOCKS}
    return [without_clocks(one) for one in value] if isinstance(value, list) else value


def differences(left: object, right: object, place: str = "") -> Iterator[str]:
    """The places at which two JSON documents differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        for name in left.keys() | right.keys():
            yield from differences(left.get(name), right.get(name), f"{place}.{name}")
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for number, pair in enumerate(zip(left, right, strict=True)):
            yield from differences(*pair, f"{place}[{number}]")
    elif left != right:
        yield f"{place}: {left!r} != {right!r}"


@pytest.fixture
def killed(suite: Suite) -> Suite:
    """A suite whose seeds kill their workers as the variable ``DIE`` says, and its baseline."""
    ignored = suite.path / ".gitignore"
    ignored.write_text(f"{ignored.read_text('utf-8')}runpytest-*\ntried\n", encoding="utf-8")
    suite.write(KILLED)
    suite.record("-n0")
    return suite


@pytest.mark.parametrize(
    "workers", [pytest.param("-n2", marks=pytest.mark.slow), "--mlregress-workers=2"]
)
def test_a_killed_worker_leaves_no_trace_in_the_report(killed: Suite, workers: str) -> None:
    reports = []
    for die in ("no", "once"):
        result = killed.run(workers, "--mlregress-stop=never", apart=True, DIE=die, LOSS="0.03")
        assert result.ret == 1
        reports.append(without_clocks(killed.report))
    assert killed.verdicts == {TEST: "regression"}
    assert len(list((killed.path / "tried").iterdir())) == 3
    assert "3 rerun" in result.stdout.lines[-1]
    assert not list(differences(*reports))


@pytest.mark.parametrize(
    "workers", [pytest.param("-n2", marks=pytest.mark.slow), "--mlregress-workers=2"]
)
def test_a_seed_that_is_lost_three_times_names_memory(killed: Suite, workers: str) -> None:
    killed.write(
        """
        from pytest_mlregress.resources.process_end import MemoryKills

        MemoryKills.cause = lambda self: "the kernel has killed a process for it"
        """,
        "conftest.py",
    )
    killed.run(workers, "--mlregress-stop=never", apart=True, DIE="always")
    found = killed.tests[TEST]
    assert found["verdict"] == "incomplete"
    assert found["reasons"] == [
        "seed 2: lost with its worker 3 times, killed by SIGKILL, out of memory (the kernel has "
        "killed a process for it) each time"
    ]
    assert found["next_steps"] == [
        "run fewer seeds at the same time (-n, --mlregress-workers), or declare what one needs: "
        "@pytest.mark.mlregress(memory='16GB')",
        f"the seed alone, in this process: pytest '{TEST}' -k seed2 -n0",
        f"run all of its seeds: pytest '{TEST}'",
    ]


SIDES = """
    import os
    import random
    import signal
    from pathlib import Path

    import pytest
    from model import SIDE


    @pytest.mark.seeds(5)
    def test_training(mlregress, seed):
        mark = Path(os.environ["TRIED"]) / f"{SIDE}{seed}"
        once = os.environ["DIE"] == "once" and seed in (1, 2) and not mark.exists()
        if once or os.environ["DIE"] == f"{SIDE}{seed}":
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        loss = 0.03 if SIDE == "candidate" else 0.0
        mlregress.record("accuracy", random.gauss(0.9, 0.01) - loss, higher_is_better=True)
"""


@pytest.fixture
def sides(suite: Suite) -> Suite:
    """A suite whose seeds kill their process on either side, with an uncommitted change."""
    ignored = suite.path / ".gitignore"
    ignored.write_text(f"{ignored.read_text('utf-8')}runpytest-*\ntried\n", encoding="utf-8")
    suite.write("SIDE = 'base'\n", "model.py")
    suite.write(SIDES)
    (suite.path / "model.py").write_text("SIDE = 'candidate'\n", encoding="utf-8")
    (suite.path / "tried").mkdir()
    return suite


def compare(suite: Suite, die: str) -> object:
    """The JSON report of an A/B run."""
    suite.run(
        *("--mlregress-against=HEAD", "--mlregress-workers=2", "--mlregress-stop=never"),
        apart=True, DIE=die, TRIED=str(suite.path / "tried"),
    )  # fmt: skip
    return without_clocks(suite.report)


@pytest.mark.slow
def test_a_lost_half_of_a_pair_is_trained_again(sides: Suite) -> None:
    expected = compare(sides, "no")
    assert sides.verdicts == {TEST: "regression"}
    assert not list(differences(compare(sides, "once"), expected))
    tried = sorted(mark.name for mark in (sides.path / "tried").iterdir())
    assert tried == ["base1", "base2", "candidate1", "candidate2"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("die", "verdict", "reason"),
    [
        ("candidate1", "incomplete", "seed 1: lost with its worker 3 times, killed by SIGKILL"),
        ("base1", "no-baseline", "was lost with its process 3 times: the process that runs"),
    ],
)
def test_a_half_that_is_always_lost_is_named(
    sides: Suite, die: str, verdict: str, reason: str
) -> None:
    compare(sides, die)
    assert sides.verdicts == {TEST: verdict}
    assert reason in sides.tests[TEST]["reasons"][0]
