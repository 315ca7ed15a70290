"""A metric whose test another metric's red has ended before the metric itself was decided."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from judge_cases import PROVENANCE, group, normal, passed
from pytest_mlregress.baselines.artifact import MetricBaseline
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.running.result import RecordedMetric
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind

BEFORE = normal(20, seed=1)
SPREAD = 0.01
"""Of `normal`."""


def judged(loss: float, margin: float) -> tuple[MetricVerdict, MetricVerdict]:
    """A metric with an automatic margin that collapses, and one that loses ``loss``."""
    now = {seed: value - loss for seed, value in normal(5, seed=2).items()}
    gone = {seed: value - 0.5 for seed, value in normal(5, seed=3).items()}
    seeds = [
        passed(
            seed,
            RecordedMetric("gone", gone[seed], higher_is_better=True, margin="auto"),
            RecordedMetric("lost", now[seed], higher_is_better=True, margin=margin),
        )
        for seed in now
    ]
    stored = {
        name: MetricBaseline(higher_is_better=True, values=BEFORE, margin=None)
        for name in ("gone", "lost")
    }
    artifact = first_artifact("test_fit.py::test_fit", "default", stored, PROVENANCE)
    verdict = judge(group(5, *seeds), artifact, Rules(alpha=0.01, comparisons=2))
    assert verdict is not None
    assert verdict.kind is VerdictKind.REGRESSION
    gone_metric, lost = sorted(verdict.metrics, key=lambda metric: metric.name)
    return gone_metric, lost


def test_a_loss_shown_beyond_the_margin_is_a_regression() -> None:
    _, lost = judged(loss=0.2, margin=0.15)
    assert lost.kind is VerdictKind.REGRESSION
    assert lost.notes[0] == (
        "another metric's verdict ended the test before this one's last look; a loss is shown, "
        "and its mean and its median are at least the margin"
    )


def test_a_loss_shown_within_the_margin_stays_undecided() -> None:
    _, lost = judged(loss=0.1, margin=0.15)
    assert lost.kind is VerdictKind.INCONCLUSIVE
    assert "undecided when another metric's verdict ended the test" in lost.notes


@given(loss=st.floats(0.0, 0.4), margin=st.floats(5 * SPREAD, 0.3))
def test_no_loss_beyond_the_margin_is_called_undecided(loss: float, margin: float) -> None:
    _, lost = judged(loss, margin)
    if loss > margin + 3 * SPREAD:
        assert lost.kind is VerdictKind.REGRESSION
    elif loss < margin - 3 * SPREAD:
        assert lost.kind is not VerdictKind.REGRESSION
