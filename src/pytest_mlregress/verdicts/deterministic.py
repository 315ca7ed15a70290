"""Trainings that ignore the seed on purpose: one seed, compared bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline
from pytest_mlregress.verdicts.checked_metric import metric_verdict
from pytest_mlregress.verdicts.context import JudgingContext
from pytest_mlregress.verdicts.metric_samples import metric_names
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict, VerdictKind


def of_one_seed(baseline: Artifact) -> bool:
    """True if a deterministic update recorded it: every other one has two seeds or more.

    Args:
        baseline: the baseline.

    Returns:
        Whether it has one seed.
    """
    return any(len(metric.values) == 1 for metric in baseline.metrics.values())


def only_value(metric: MetricBaseline) -> float | None:
    """The value that every seed of a metric gave, None if two seeds differ in a bit.

    Args:
        metric: the recorded sample.

    Returns:
        The value, in metric units.
    """
    from pytest_mlregress.statistics.bit_equality import bits

    values = tuple(metric.values.values())
    alike = all(bits({"": value}) == bits({"": values[0]}) for value in values)
    return values[0] if values and alike else None


def recorded_otherwise(case: JudgingContext) -> Verdict | None:
    """The precondition that check and baseline agree on whether the training uses its seed.

    Args:
        case: the test.

    Returns:
        The verdict if they do not agree, otherwise None.
    """
    if case.baseline is None or not case.ready:
        return None
    update = case.group.plan.update_command
    if case.rules.deterministic:
        varied = [name for name, m in case.baseline.metrics.items() if only_value(m) is None]
        if not varied:
            return None
        return case.verdict(
            VerdictKind.INCOMPARABLE,
            reasons=(
                "deterministic=True compares one value bit for bit, and the seeds of the baseline "
                f"differ in {', '.join(varied)}",
            ),
            next_steps=(
                f"if the training ignores its seed by now, record its one value: {update}",
                "or leave out deterministic=True (--mlregress-deterministic)",
            ),
        )
    if not of_one_seed(case.baseline):
        return None
    return case.verdict(
        VerdictKind.INCOMPARABLE,
        reasons=(
            "the baseline holds one seed, recorded with deterministic=True "
            "(--mlregress-deterministic); this check has neither",
        ),
        next_steps=(
            f"if the training uses its seed by now, record a sample of seeds: {update}",
            "or declare it again: @pytest.mark.mlregress(deterministic=True)",
        ),
    )


def judge_bits(case: JudgingContext, baseline: Artifact) -> Verdict | None:
    """The verdict on the one seed of a deterministic check.

    A changed bit is red. In another environment, which may round differently, it is inconclusive.

    Args:
        case: the test.
        baseline: its baseline.

    Returns:
        The verdict; None before the seed has run.
    """
    if not case.ready:
        return None
    moved = VerdictKind.INCONCLUSIVE if case.differences else VerdictKind.REGRESSION
    metrics = tuple(_of_metric(case, baseline, name, moved) for name in metric_names(case.ready))
    reasons = tuple(reason for metric in metrics for reason in metric.reasons)
    if not reasons:
        return case.verdict(VerdictKind.IDENTICAL, metrics=metrics)
    if case.differences:
        reasons += ("another environment may round otherwise: " + "; ".join(case.differences),)
    plan = case.group.plan
    return case.verdict(
        moved,
        metrics=metrics,
        reasons=reasons,
        next_steps=(
            f"run it again: {plan.command}",
            f"if the change is intended, record the new value: {plan.update_command}",
        ),
    )


def _of_metric(
    case: JudgingContext, baseline: Artifact, name: str, moved: VerdictKind
) -> MetricVerdict:
    from pytest_mlregress.statistics.bit_equality import bits

    before = only_value(baseline.metrics[name])
    assert before is not None  # otherwise `recorded_otherwise` has decided
    found = metric_verdict(name, case.ready, baseline, case.rules, kind=VerdictKind.IDENTICAL)
    ((seed, now),) = found.candidate.items()
    found = replace(found, baseline={seed: before})  # whichever seed it was recorded with
    if bits({name: before}) == bits({name: now}):
        return found
    reason = f"deterministic=True, but {name} moved from {before!r} to {now!r}"
    return replace(found, kind=moved, reasons=(reason,))


def revised_values(previous: Artifact, metrics: Mapping[str, MetricBaseline]) -> str:
    """What an update of one seed changes, for the ledger.

    Args:
        previous: the old baseline.
        metrics: the new values.

    Returns:
        The old and the new value by metric, in words.
    """
    return "; ".join(
        _revised(name, previous.metrics[name], metric)
        for name, metric in metrics.items()
        if name in previous.metrics
    )


def _revised(name: str, stored: MetricBaseline, metric: MetricBaseline) -> str:
    before, now = only_value(stored), only_value(metric)
    if before is None:
        return f"{name}: {len(stored.values)} seeds that differ -> {now!r}"
    if repr(before) == repr(now):  # which tells 0.0 from -0.0, too
        return f"{name}: {before!r} as before"
    return f"{name}: {before!r} -> {now!r}"


def value_changes(previous: Artifact, metrics: Mapping[str, MetricBaseline]) -> dict[str, float]:
    """The change of each metric's one value, a loss being negative.

    Args:
        previous: the old baseline.
        metrics: the new values.

    Returns:
        The changes by metric, in metric units.
    """
    effects: dict[str, float] = {}
    for name, metric in metrics.items():
        now = only_value(metric)
        before = only_value(previous.metrics[name]) if name in previous.metrics else None
        if before is not None and now is not None:
            effects[name] = (1.0 if metric.higher_is_better else -1.0) * (now - before)
    return effects
