"""A verdict depends on the values alone: on no worker, no order, no neighbour."""

from __future__ import annotations

from typing import Any

import pytest
from training_suite import Suite

SOURCE = """
    import os, random
    import pytest

    @pytest.mark.seeds(6)
    @pytest.mark.parametrize("loss", [0, 0.001, 0.01, 0.04])
    def test_it(mlregress, loss):
        lost = loss if os.environ.get("LOSS") else 0
        mlregress.record("a", random.gauss(1, 0.01) - lost, higher_is_better=True)
        mlregress.record("b", random.gauss(1, 0.01) + lost, higher_is_better=False)

    @pytest.mark.seeds(3)
    def test_nan(mlregress):
        value = float("nan") if mlregress.seed == 2 and os.environ.get("LOSS") else random.random()
        mlregress.record("c", value, higher_is_better=True)
"""


@pytest.fixture
def varied(suite: Suite) -> Suite:
    """Tests that get different verdicts, recorded."""
    suite.write(SOURCE)
    suite.record()
    return suite


def told(suite: Suite, *arguments: str) -> dict[str, Any]:
    """All that a run's report says about its verdicts, but for times and for what was saved.

    Which seeds had started when the verdict fell is a matter of luck, and so is what they gave.
    What a verdict was reached with names the workers.
    """
    tests = suite.check(*arguments, LOSS="1")
    assert tests
    for test in tests.values():
        for key in ("duration", "seeds", "stopped", "judged_with"):
            del test[key]
        # The second is said of a clean tree alone, which another pytest.ini is not.
        left_out = ("on which the verdict does not rest", "not deterministic: ")
        test["notes"] = [n for n in test["notes"] if not any(text in n for text in left_out)]
        for metric in test["metrics"]:
            del metric["q_value"]  # of the run, as information
    return tests


def test_any_number_of_workers_gives_the_same_report_to_the_last_bit(varied: Suite) -> None:
    alone = told(varied, "-n0")
    assert {test["verdict"] for test in alone.values()} >= {"identical", "regression"}
    assert told(varied, "-n2") == alone
    assert told(varied, "-n8") == alone


def test_the_values_of_the_seeds_are_the_same_to_the_last_bit(varied: Suite) -> None:
    def values(workers: str) -> list[Any]:
        tests = varied.check(workers, "--mlregress-stop=never", LOSS="1")
        return [[seed["metrics"] for seed in test["seeds"]] for _, test in sorted(tests.items())]

    assert values("-n0") == values("-n2")


@pytest.mark.parametrize("dist", ["load", "worksteal", "loadscope", "loadfile"])
def test_any_distribution_gives_the_same_report(varied: Suite, dist: str) -> None:
    assert told(varied, "-n2", f"--dist={dist}") == told(varied)


def test_any_order_gives_the_same_report(varied: Suite) -> None:
    varied.configure("randomly")  # before the first run: next steps depend on a clean tree
    alone = told(varied, "-p", "no:randomly")
    for seed in range(3):
        assert told(varied, "-p", "randomly", f"--randomly-seed={seed}") == alone


def test_what_else_runs_does_not_matter(varied: Suite) -> None:
    everything = told(varied)
    name = "test_training.py::test_it[0.01]"
    assert told(varied, name) == {name: everything[name]}
