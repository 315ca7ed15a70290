"""What a run says of itself while it trains, whole lines."""

import math

import pytest

from pytest_mlregress.reporting.number_format import about
from pytest_mlregress.reporting.progress_text import cost_line, progress_line, seed_line
from pytest_mlregress.reporting.progress_view import (
    Estimate,
    RunView,
    UndecidedTest,
    WorkerView,
    live_lines,
)
from pytest_mlregress.reporting.text_layout import width_of
from pytest_mlregress.verdicts.cost import RunCost


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (0.0, "1 s"),
        (9.4, "9 s"),
        (37.0, "35 s"),
        (59.0, "1 min"),
        (100.0, "2 min"),
        (3589.0, "1 h"),
        (12_010.0, "3 h 20 min"),
        (100_000.0, "27 h"),
    ],
)
def test_an_estimate_has_no_more_digits_than_it_knows(duration: float, text: str) -> None:
    assert about(duration) == text


def test_the_line_of_a_seed_has_its_metrics_and_seconds() -> None:
    assert seed_line({"accuracy": 0.91332}, 4.13) == "SEED accuracy 0.9133 (4.1 s)"
    assert seed_line({}, 75.0) == "SEED (1 min 15 s)"
    many = {"a": 1.0, "b": math.nan, "c\x1b[2J": 3e-9, "d": 4.0}
    assert seed_line(many, 1.0) == "SEED a 1, b nan, c\\x1b[2J 3e-09, ... (1 s)"


def test_the_cost_is_said_in_one_line() -> None:
    cost = RunCost(seconds=12_000.0, seeds=40, workers=8, peak_memory=9_600_000_000, unknown=0)
    assert cost_line(cost) == (
        "costs about 3 h 20 min on 8 workers (at most 40 seeds, 9.6 GB of memory)"
    )
    cost = RunCost(seconds=40.0, seeds=1, workers=1, peak_memory=None, unknown=2)
    assert cost_line(cost) == (
        "costs about 40 s (at most 1 seed); 2 tests without a recorded duration not counted"
    )


def test_a_line_of_a_log_says_how_far_the_run_is() -> None:
    assert progress_line(12, 40, 170.0) == "12 of 40 seeds, about 3 min left"
    assert progress_line(12, 40, None) == "12 of 40 seeds"
    assert progress_line(1, None, None) == "1 seed"


def worker(number: int, name: str = "test_digits", **more: object) -> WorkerView:
    fields = {"step": 1200, "values": {"loss": 0.02314, "accuracy": 0.951}, "elapsed": 41.6}
    fields |= {"left": 21.0, **more}
    return WorkerView(worker=f"gw{number}", name=name, seed=f"seed {number}", **fields)  # type: ignore[arg-type]


def test_the_live_display_has_a_line_for_the_run_each_worker_and_each_test() -> None:
    view = RunView(
        done=12,
        total=40,
        left=170.0,
        elapsed=65.2,
        workers=(worker(0), worker(1, "TestNet.test_fit[adam]", step=None, values={}, left=None)),
        tests=(UndecidedTest("test_digits", 7, 11, (Estimate("accuracy", -0.004, 0.01),)),),
    )
    assert live_lines(view, 80, 20) == [
        "mlregress: 12 of 40 seeds, about 3 min left (1 min 5 s so far)",
        "  gw0 test_digits             seed 0  step 1200  loss 0.0231     41 s, 20 s left",
        "  gw1 TestNet.test_fit[adam]  seed 1                                        41 s",
        "  test_digits  7/11 seeds  accuracy -0.004 (margin 0.01)",
    ]


def test_a_narrow_display_leaves_whole_parts_out_and_keeps_what_seeds_logged() -> None:
    workers = (worker(0), worker(1, ending=True, left=1.0))
    view = RunView(done=11, total=20, left=15.0, elapsed=25.3, workers=workers, tests=())
    assert live_lines(view, 55, 20) == [
        "mlregress: 11 of 20 seeds, about 15 s left",
        "  gw0 test_digits  seed 0  loss 0.0231        20 s left",
        "  gw1 test_digits  seed 1  loss 0.0231           ending",
    ]
    assert live_lines(view, 80, 20)[1:] == [
        "  gw0 test_digits  seed 0  step 1200  loss 0.0231                41 s, 20 s left",
        "  gw1 test_digits  seed 1  step 1200  loss 0.0231  accuracy 0.951   41 s, ending",
    ]


@pytest.mark.parametrize("width", [1, 20, 33, 80, 200])
@pytest.mark.parametrize("height", [1, 2, 5, 12])
def test_the_live_display_stays_in_its_lines(width: int, height: int) -> None:
    estimates = (Estimate("損失", 0.1, None),)
    tests = tuple(UndecidedTest(f"test_{i}", 1, 5, estimates) for i in range(9))
    workers = tuple(worker(i, "test_" + "x" * 90) for i in range(9))
    lines = live_lines(RunView(1, 45, None, 0.0, workers, tests), width, height)
    assert len(lines) <= height
    assert max(map(width_of, lines)) <= max(width, 20)
    if height == 12:
        assert sum("more" in line for line in lines) == 2
