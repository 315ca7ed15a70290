"""The change of a baseline as a reviewer reads it: what moved, by how much, how sure, and why."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean
from typing import Any, Final

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.metric_text import (
    difference_with_interval,
    level_text,
    margin_text,
    means,
    p_text,
    shown_interval,
)
from pytest_mlregress.reporting.number_format import number, numbers
from pytest_mlregress.reporting.since_text import SHORT, day_text
from pytest_mlregress.reporting.text_layout import one_line, wrap
from pytest_mlregress.verdicts.baseline_diff import BaselineDiff, DriftState, MetricDiff
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind

__all__ = ["diff_lines", "diff_rows"]

_WORDS: Final = {
    "regression": "a loss",
    "minor": "a loss, smaller than the margin",
    "pass": "no loss of the margin",
    "improvement": "a gain",
    "inconclusive": "cannot tell",
    "diverged": "diverged",
}
_COLUMN: Final = 12


def diff_lines(
    found: BaselineDiff, *, test: str, labels: tuple[str, str], width: int
) -> Iterator[str]:
    """What changed in one baseline.

    Args:
        found: the two versions.
        test: the node id of its test.
        labels: what the older and the newer side are called.
        width: in terminal cells.

    Yields:
        The lines.
    """
    either = found.either
    yield one_line(f"{test} ({either.tier})")
    if found.before is None or found.after is None:
        state = f"new: not at {labels[0]}" if found.before is None else f"gone: not at {labels[1]}"
        yield _plain("baseline", state)
        yield _plain("at", _origin(either, labels[found.after is not None]))
        for name, only in either.metrics.items():
            seeds = count_of(len(only.values), "seed")
            yield _plain(name, f"mean {number(_mean(only), digits=4)}, {seeds}")
        return
    if found.equal:
        yield _plain("equal", f"revision {either.revision}, {_origin(either, labels[1])}")
        return
    yield _plain("from", _origin(found.before, labels[0]))
    yield _plain("to", _origin(found.after, labels[1]))
    for metric in found.metrics:
        yield from _metric(metric, width)
    yield from _listed("environment", found.environment, width)
    yield from _listed("params", found.params, width)
    yield from _listed("data", found.data, width)
    for entry in found.entries:
        moved = f", moves the anchor of {', '.join(entry.anchored)}" if entry.anchored else ""
        text = f"{day_text(entry.time)}, {entry.kind}{moved}: {entry.reason}"
        yield from _wrapped("ledger", text, width)
    if found.after.edited:
        yield from _wrapped("edited", "by hand, or merged: these values were not measured", width)
    yield from _code(found.before, found.after)


def diff_rows(found: BaselineDiff, *, test: str) -> list[dict[str, Any]]:
    """The same for JSON, one entry a metric.

    Args:
        found: the two versions.
        test: the node id of its test.

    Returns:
        Plain values.
    """
    either = found.either
    head = {
        "test": test,
        "tier": either.tier,
        "revisions": [_revision(found.before), _revision(found.after)],
        "commits": [_commit(found.before), _commit(found.after)],
        "environment": list(found.environment),
        "params": list(found.params),
        "data": list(found.data),
        "ledger": [{"kind": e.kind, "time": e.time, "reason": e.reason} for e in found.entries],
    }
    if not found.metrics:
        state = "new" if found.before is None else "gone"
        return [head | {"metric": name, "change": state} for name in either.metrics]
    return [head | _row(metric) for metric in found.metrics]


def _row(metric: MetricDiff) -> dict[str, Any]:
    row: dict[str, Any] = {
        "metric": metric.name,
        "change": metric.change,
        "settings": list(metric.settings),
    }
    if metric.before is not None and metric.after is not None:
        row |= {"before": _mean(metric.before), "now": _mean(metric.after)}
    if metric.judged is not None and (found := metric.judged.comparison) is not None:
        shown = shown_interval(_as_recorded(metric.judged))
        row |= {
            "difference": found.difference,
            "interval": None if shown is None else list(shown[:2]),
            "interval_level": None if shown is None else shown[2],
            "p_harm": found.p_harm,
            "verdict": metric.judged.kind.value,
            "margin": found.margin,
        }
    if (drift := metric.drift) is not None:
        row["anchor"] = {
            "mean": drift.anchor_mean,
            "accepted_loss": drift.accepted,
            "budget": drift.budget,
            "moved": drift.moved,
        }
    return row


def _metric(metric: MetricDiff, width: int) -> Iterator[str]:
    yield from _wrapped(metric.name, _change(metric), width)
    for setting in metric.settings:
        yield from _wrapped("", setting, width)
    if metric.drift is not None and metric.change in ("compared", "incomparable", "new"):
        yield from _wrapped("", _drift(metric.drift), width)


def _change(metric: MetricDiff) -> str:
    if metric.before is None or metric.after is None:
        only = metric.before or metric.after
        assert only is not None
        return f"{metric.change}: mean {number(_mean(only), digits=4)}"
    if metric.change == "equal":
        return f"every value equal, mean {number(_mean(metric.after), digits=4)}"
    before, after = numbers((_mean(metric.before), _mean(metric.after)), digits=4)
    if metric.judged is None or (found := metric.judged.comparison) is None:
        return f"{before} -> {after}, not comparable"
    judged = _as_recorded(metric.judged)
    word = _WORDS[metric.judged.kind]
    if not math.isfinite(found.difference):
        return f"{before} -> {after}, {word}"
    margin = f", margin {margin_text(judged)}" if math.isfinite(found.margin) else ""
    level = f", {level_text(judged)}" if level_text(judged) else ""
    return (
        f"{means(judged)} ({difference_with_interval(judged)}{level}): "
        f"{word}, p of harm {p_text(judged)}{margin}"
    )


def _as_recorded(metric: MetricVerdict) -> MetricVerdict:
    """With the interval that the update shows which has recorded the newer sample."""
    return replace(metric, kind=VerdictKind.RECORDED)


def _drift(drift: DriftState) -> str:
    mean = number(drift.anchor_mean, digits=4)
    if drift.moved:
        return f"anchor moved: now {mean}"
    budget = f" of {number(drift.budget, digits=2)}" if math.isfinite(drift.budget) else ""
    return f"anchor {mean}; loss accepted since {number(drift.accepted, digits=2)}{budget}"


def _origin(artifact: Artifact, label: str) -> str:
    provenance = artifact.provenance
    commit = (provenance.commit or "no commit")[:SHORT]
    dirty = " with uncommitted changes" if provenance.dirty else ""
    return f"{label}: recorded {day_text(provenance.time)} at {commit}{dirty}"


def _code(before: Artifact, after: Artifact) -> Iterator[str]:
    old, new = before.provenance.named_commit, after.provenance.named_commit
    if old is None or new is None:
        return
    if old == new:
        yield _plain("code", f"the same commit {old[:SHORT]}")
    else:
        yield _plain("code", f"git diff --stat {old[:SHORT]} {new[:SHORT]}")


def _listed(title: str, texts: tuple[str, ...], width: int) -> Iterator[str]:
    for text in texts:
        yield from _wrapped(title, text, width)


def _wrapped(title: str, text: str, width: int) -> Iterator[str]:
    yield from wrap(text, width, first=f"  {one_line(title):<{_COLUMN}} ")


def _plain(title: str, text: str) -> str:
    """A line that is not broken: what it says may be copied."""
    return f"  {one_line(title):<{_COLUMN}} {one_line(text)}"


def _mean(metric: MetricBaseline) -> float:
    return fmean(metric.values.values()) if metric.values else math.nan


def _revision(artifact: Artifact | None) -> str | None:
    return artifact.revision if artifact is not None else None


def _commit(artifact: Artifact | None) -> str | None:
    return artifact.provenance.commit if artifact is not None else None
