"""Baselines that the green runs since speak against."""

import numpy as np
import pytest

from judge_cases import normal
from pytest_mlregress.verdicts.baseline_health import baseline_remark
from pytest_mlregress.verdicts.green_runs import GreenRun
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind

METRIC = MetricVerdict(
    name="accuracy",
    kind=VerdictKind.PASS,
    higher_is_better=True,
    declared="auto",
    alpha=0.01,
    baseline=normal(20, seed=1),
)


def runs(mean: float, *, n: int = 12, seeds: int = 5, linked: float = 0.0) -> list[GreenRun]:
    """Green runs that lie at the mean together, with what their seeds share."""
    generator = np.random.default_rng(7)
    shared = generator.normal(size=seeds)
    values = np.sqrt(linked) * shared + np.sqrt(1 - linked) * generator.normal(size=(n, seeds))
    values = mean + 0.01 * (values - values.mean())
    return [
        GreenRun(f"c{number}", VerdictKind.PASS, dict(enumerate(row.tolist())))
        for number, row in enumerate(values)
    ]


def test_a_baseline_above_the_later_runs_was_lucky_or_is_stale() -> None:
    assert baseline_remark(METRIC, runs(0.895)) == (
        "baseline looks lucky or stale: accuracy is 0.9 there (standard error 0.0022), and 0.895 "
        "in the last 12 green runs, 60 values; --mlregress-update records it again"
    )


def test_a_baseline_below_the_later_runs_was_unlucky_or_is_stale() -> None:
    line = baseline_remark(METRIC, runs(0.905))
    assert line is not None
    assert line.startswith("baseline looks unlucky or stale: accuracy is 0.9 there")


@pytest.mark.parametrize(
    "found",
    [
        runs(0.895, n=9),
        runs(0.898),
        runs(0.895, linked=0.9),
        [runs(0.895)[0]] * 12,
        [GreenRun("c", VerdictKind.PASS, dict(METRIC.baseline))] * 12,
        [],
    ],
    ids=["too few", "within 1.5 SE", "linked seeds", "one run", "the baseline's bits", "none"],
)
def test_weaker_signs_say_nothing(found: list[GreenRun]) -> None:
    assert baseline_remark(METRIC, found) is None


def test_many_linked_seeds_tell_what_few_do_not() -> None:
    assert baseline_remark(METRIC, runs(0.89, seeds=20, linked=0.9)) is not None
