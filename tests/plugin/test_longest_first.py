"""The seeds of long tests begin first, by what they took when their baselines were recorded."""

from __future__ import annotations

import json
import textwrap

import pytest
from training_suite import Suite

TESTS = """
import random

import pytest


@pytest.mark.seeds(4)
def test_short(mlregress):
    mlregress.record("accuracy", random.random(), higher_is_better=True)


@pytest.mark.seeds(4)
def test_long(mlregress):
    mlregress.record("accuracy", random.random(), higher_is_better=True)


def test_plain():
    pass
"""

CONFTEST = """
def pytest_runtest_logstart(nodeid):
    with open("begun.txt", "a") as file:
        print(nodeid.partition("::")[2], file=file)


def pytest_collection_finish(session):
    if hasattr(session.config, "workerinput"):
        with open(f"collected-{session.config.workerinput['workerid']}.txt", "w") as file:
            print(*(item.name for item in session.items), sep="\\n", file=file)
"""

LONGEST_FIRST = [
    *(f"test_long[seed{seed}]" for seed in range(3)),
    *(f"test_short[seed{seed}]" for seed in range(3)),
    *("test_long[seed3]", "test_short[seed3]"),
]


@pytest.fixture
def timed(suite: Suite) -> Suite:
    """Two tests of which the second took long when it was recorded."""
    suite.write(CONFTEST, "conftest.py")
    suite.write(TESTS, "test_order.py")
    suite.record("-n0")
    for name, seconds in (("long", 30.0), ("short", 1.0)):
        (baseline,) = suite.path.glob(f"__baselines__/test_order/test_{name}*.json")
        document = json.loads(baseline.read_text("utf-8"))
        for spent in document["spent"].values():
            spent["duration"] = seconds
        baseline.write_text(json.dumps(document), encoding="utf-8")
    suite.commit()
    (suite.path / "begun.txt").unlink()
    return suite


def test_workers_of_xdist_collect_the_longest_first(timed: Suite) -> None:
    result = timed.run("-n2", "-p", "no:randomly", apart=True)
    assert result.ret == 0
    collected = [file.read_text("utf-8").split() for file in timed.path.glob("collected-gw*.txt")]
    assert collected == [["test_plain", *LONGEST_FIRST]] * 2


def test_forked_workers_begin_the_longest_first(timed: Suite) -> None:
    assert timed.run("--mlregress-workers=1", apart=True).ret == 0
    begun = (timed.path / "begun.txt").read_text("utf-8").split()
    assert [name for name in begun if "[" in name or name == "test_plain"] == [
        "test_plain",
        *LONGEST_FIRST,
    ]


def test_one_process_keeps_the_order_of_the_file(timed: Suite) -> None:
    assert timed.run("-n0").ret == 0
    begun = (timed.path / "begun.txt").read_text("utf-8").split()
    assert [name for name in begun if "seed0" in name] == ["test_short[seed0]", "test_long[seed0]"]


def test_a_worker_that_replaces_another_collects_in_its_order(timed: Suite) -> None:
    dying = """

    @pytest.fixture(autouse=True)
    def dies_once(request):
        died = Path("died.txt")
        if "worker" in os.environ.get("PYTEST_XDIST_WORKER", "worker") or died.exists():
            return
        died.touch()
        for baseline in Path("__baselines__").rglob("*.json"):
            text = baseline.read_text()
            baseline.write_text(text.replace("30.0", "0.5"))
        os._exit(1)
    """
    timed.write(
        "import os\nfrom pathlib import Path\n" + TESTS + textwrap.dedent(dying), "test_order.py"
    )
    timed.run("-n1", "--mlregress-stop=never", apart=True)
    assert (timed.path / "died.txt").exists()
    first, second = (
        (timed.path / f"collected-gw{number}.txt").read_text("utf-8") for number in range(2)
    )
    assert first == second
    assert set(timed.verdicts.values()) <= {"identical", "pass"}
