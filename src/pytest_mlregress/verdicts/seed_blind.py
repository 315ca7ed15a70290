"""Trainings that ignore the seed by mistake: all their seeds are one sample.

Such a baseline has no spread, so that the first rounding error is red.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.verdicts.context import JudgingContext
from pytest_mlregress.verdicts.metric_samples import metric_names
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind

REMEDIES: Final = (
    "Hugging Face: TrainingArguments(seed=mlregress.seed), 42 by default",
    "Lightning: seed_everything(mlregress.seed)",
    "xgboost, scikit-learn: random_state=mlregress.seed",
    "a fixture or a helper that calls torch.manual_seed(0) or the like: remove that call",
    "a coarse metric that is 0 or 1 in every seed: record(..., resolution=1 / len(test_set))",
)
"""What makes a training use its seed, per framework; the last if it does so already."""


def ignores_its_seed(ready: Sequence[SeedResult]) -> bool:
    """True if two seeds or more gave the same bits in every metric and every logged curve.

    Not if each metric is a coarse one, with its ``resolution``, at 0 or 1: any seed may reach a
    bound.

    Args:
        ready: the results of the seeds.

    Returns:
        Whether the training ignores its seed.
    """
    if len(ready) < 2 or not metric_names(ready):
        return False
    first = _trace(ready[0])
    if any(_trace(seed) != first for seed in ready[1:]):
        return False
    return not all(map(_at_a_bound, ready[0].metrics))


def _trace(seed: SeedResult) -> tuple[object, ...]:
    """Everything that a seed's training recorded, bit by bit."""
    return (
        {metric.name: float(metric.value).hex() for metric in seed.metrics},
        {
            name: [(step, float(value).hex()) for step, value in points]
            for name, points in seed.curves.items()
        },
    )


def _at_a_bound(metric: RecordedMetric) -> bool:
    return metric.resolution is not None and metric.value in (0.0, 1.0)


def seed_blind_update(case: JudgingContext) -> Verdict | None:
    """The refusal of a sample whose seeds are all the same, at a look.

    Args:
        case: the test, with the seeds of the look.

    Returns:
        The refusal, or None.
    """
    if case.rules.deterministic or not ignores_its_seed(case.ready):
        return None
    update = case.group.plan.update_command
    return case.verdict(
        VerdictKind.REFUSED,
        reasons=(
            f"all {len(case.ready)} seeds gave the same values "
            f"({', '.join(_values(case.ready[0]))}): does the training use mlregress.seed? "
            "without scatter the first change of a rounding error would be red",
        ),
        next_steps=(
            *REMEDIES,
            "or, where the training ignores its seed on purpose: "
            f"@pytest.mark.mlregress(deterministic=True), or {update} --mlregress-deterministic",
        ),
    )


def _values(seed: SeedResult) -> Iterator[str]:
    for metric in seed.metrics:
        yield f"{metric.name} {metric.value:.6g}"


def seed_blind_notes(ready: Sequence[SeedResult]) -> tuple[str, ...]:
    """The same as a note on the seeds that decided a check.

    Args:
        ready: the results of the seeds.

    Returns:
        One note, or none.
    """
    if not ignores_its_seed(ready):
        return ()
    return (
        f"all {len(ready)} seeds gave the same values: does the training use mlregress.seed? "
        "one that ignores it on purpose declares @pytest.mark.mlregress(deterministic=True)",
    )
