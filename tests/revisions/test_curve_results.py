"""Curves from the results of seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pytest_mlregress.reporting.curve_text import curve_lines, curve_sentence, table_rows
from pytest_mlregress.revisions.cells.suite import SuiteTest
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.revisions.curves.over_steps import check_logged, curve_over_steps
from pytest_mlregress.revisions.curves.result import CurveResult, left_out
from pytest_mlregress.running.result import RecordedMetric, SeedResult

Points = Sequence[tuple[int, float]]


def result(seed: int, points: Points = (), **metrics: float) -> SeedResult:
    return SeedResult(
        seed=seed,
        outcome="finished",
        metrics=tuple(
            RecordedMetric(name, value, higher_is_better=True) for name, value in metrics.items()
        ),
        curves={"accuracy": tuple(points)} if points else {},
    )


def over_steps(*points: Points, fractions: Sequence[float] = (0.1, 1.0)) -> CurveResult:
    test = SuiteTest(
        test="t.py::test_x",
        file=Path("t.py"),
        tier="default",
        tiers=(),
        check_seeds=(0,),
        node_ids={0: "t.py::test_x[seed0]"},
        settings="",
        machine="",
        deterministic=False,
    )
    results = [result(seed, each, accuracy=1.0) for seed, each in enumerate(points)]
    return curve_over_steps(test, results, fractions, metric=None, curve=None, notes=())


def test_steps_from_zero_are_counted() -> None:
    """Of 20 steps, the one that is called 2 is the third: 15 % and not 11 %."""
    found = over_steps([(step, float(step >= 2)) for step in range(20)])
    assert found.reached.share == pytest.approx(2.9 / 20)
    assert found.line[2].share == pytest.approx(3 / 20)
    assert table_rows(found)[0][0] == "10 %, step 1"
    assert curve_sentence(found).startswith(
        "90 % of the final score (0.9; 1.0 at the end) at 14 % of the training, step 2 of 0 to 19"
    )


@pytest.mark.parametrize("steps", [range(1, 21), range(0, 101, 10)])
def test_steps_that_count_what_is_done_are_taken_as_they_are(steps: range) -> None:
    """Step 0 of an evaluation every tenth step is that before the training."""
    found = over_steps([(step, float(step)) for step in steps])
    assert [point.share for point in found.line] == pytest.approx([s / steps[-1] for s in steps])


def test_a_seed_of_one_point_is_left_out_by_its_number() -> None:
    lines = list(curve_lines(over_steps([(1, 0.5), (2, 0.6)], [(1, 0.5), (2, math.nan)])))
    assert lines[-1] == "note: seed 1 is left out: no two finite points of 'accuracy'"


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([(1, 0.5)], "has 1 point; a curve needs 2"),
        ([(1, 0.5), (2, math.nan)], "has 2 points, 1 of them finite; a curve needs 2"),
    ],
)
def test_a_curve_of_one_point_is_said_to_have_one(points: Points, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        over_steps(points)
    assert str(caught.value) == (
        f"curve 'accuracy' of t.py::test_x {message}: call mlregress.log at more steps"
    )


def test_the_first_seed_shows_what_cannot_be_drawn() -> None:
    check_logged("t", result(0, [(1, 0.5)], accuracy=1.0), None, None)
    with pytest.raises(CommandError, match=r"has several metrics: accuracy, loss"):
        check_logged("t", result(0, [(1, 0.5)], accuracy=1.0, loss=1.0), None, None)
    with pytest.raises(CommandError, match=r"logs no such curve; it has accuracy"):
        check_logged("t", result(0, [(1, 0.5)], accuracy=1.0), None, "loss")


def test_seeds_without_a_finite_value_are_named_with_their_shares() -> None:
    by_share: Mapping[float, Sequence[SeedResult]] = {
        0.1: [result(0, a=1.0), result(1, a=math.nan), result(2, a=math.inf)],
        0.5: [result(0, a=1.0), result(1, a=math.nan), result(2)],
        1.0: [result(0, a=1.0), result(1, a=1.0)],
    }
    assert left_out(by_share, "a") == [
        "seed 1 is left out: a is nan at 0.1, 0.5 of the data",
        "seed 2 is left out: a is inf at 0.1 of the data and not recorded at 0.5 of the data",
    ]
