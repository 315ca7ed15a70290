"""Baselines that the green runs since speak against."""

import pytest
from judge_cases import normal

from pytest_mlregress.verdicts.health import GreenRun, health_line
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind

METRIC = MetricVerdict(
    name="accuracy",
    kind=VerdictKind.PASS,
    higher_is_better=True,
    declared="auto",
    alpha=0.01,
    baseline=normal(20, seed=1),
)


def runs(*means: float) -> list[GreenRun]:
    return [GreenRun(f"c{number}", mean, 5) for number, mean in enumerate(means)]


def test_a_baseline_above_all_later_runs_was_lucky_or_is_stale() -> None:
    assert health_line(METRIC, runs(*[0.885] * 5)) == (
        "baseline looks lucky or stale: accuracy was worse in all of the last 5 green commits, "
        "0.885 on average against 0.9"
    )


def test_a_baseline_below_all_later_runs_is_stale() -> None:
    line = health_line(METRIC, runs(*[0.92] * 5))
    assert line is not None
    assert line.startswith("baseline looks stale: accuracy was better in all of the last 5")


@pytest.mark.parametrize(
    "means",
    [[0.885] * 4, [0.897] * 10, [0.88, 0.88, 0.88, 0.88, 0.901], [float("nan")] * 6],
    ids=["too few", "within noise", "both sides", "not finite"],
)
def test_weaker_signs_say_nothing(means: list[float]) -> None:
    assert health_line(METRIC, runs(*means)) is None
