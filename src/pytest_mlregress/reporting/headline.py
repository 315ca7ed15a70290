"""The one sentence on a verdict: the first line of its failure, and the message in JUnit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from pytest_mlregress.node_ids import name_parts
from pytest_mlregress.plurals import count_of, plural
from pytest_mlregress.reporting.certainty_text import seeds_compared, shown_by_another_test
from pytest_mlregress.reporting.metric_text import (
    difference_with_interval,
    margin_text,
    means,
    p_text,
)
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.sample_text import seeds_counted
from pytest_mlregress.reporting.text_layout import clip_words, one_line, width_of, wrap_within
from pytest_mlregress.running.result import COLLAPSED, SeedResult
from pytest_mlregress.running.seed_outcome import WITHOUT_SUCCESS
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict, VerdictKind

_MARGIN: Final = ", margin "
"""What the clause begins with that ends the numbers of a comparison."""

_METRIC_DID: Final[Mapping[VerdictKind, str]] = {
    VerdictKind.IDENTICAL: "is identical",
    VerdictKind.UNCHANGED: "is identical",
    VerdictKind.PASS: "passed",
    VerdictKind.IMPROVEMENT: "improved",
    VerdictKind.MINOR: "lost a little",
    VerdictKind.REGRESSION: "regressed",
    VerdictKind.INCONCLUSIVE: "is inconclusive",
    VerdictKind.UNAFFORDABLE: "is unaffordable",
    VerdictKind.DIVERGED: "diverged",
    VerdictKind.INCOMPARABLE: "is incomparable",
    VerdictKind.NO_BASELINE: "has no baseline",
    VerdictKind.INCOMPLETE: "is incomplete",
    VerdictKind.RECORDED: "was recorded",
    VerdictKind.REFUSED: "was not recorded",
    VerdictKind.SKIPPED: "was skipped",
}

_TEST_IS: Final[Mapping[VerdictKind, str]] = {
    VerdictKind.IDENTICAL: "identical",
    VerdictKind.UNCHANGED: "identical",
    VerdictKind.PASS: "passed",
    VerdictKind.IMPROVEMENT: "improved",
    VerdictKind.MINOR: "a loss smaller than the margin",
    VerdictKind.REGRESSION: "regressed",
    VerdictKind.INCONCLUSIVE: "inconclusive",
    VerdictKind.UNAFFORDABLE: "unaffordable",
    VerdictKind.DIVERGED: "diverged",
    VerdictKind.INCOMPARABLE: "incomparable with the baseline",
    VerdictKind.NO_BASELINE: "no baseline",
    VerdictKind.INCOMPLETE: "incomplete, hence no verdict",
    VerdictKind.RECORDED: "baseline recorded",
    VerdictKind.REFUSED: "baseline not updated",
    VerdictKind.SKIPPED: "every seed was skipped",
}

_BESIDE_BASE: Final[Mapping[VerdictKind, str]] = {
    VerdictKind.INCOMPARABLE: "incomparable with the base",
    VerdictKind.NO_BASELINE: "no base to compare with",
}
"""The same where the texts above speak of a baseline."""


def headline(verdict: Verdict, *, width: int | None = None, after_kind: bool = False) -> str:
    """The verdict in one line that needs no context: what happened, by how much, how sure.

    Args:
        verdict: the verdict.
        width: clauses are left out from the end, the least important first, until the line fits.
        after_kind: whether it follows words that say that the test diverged, which are then not
            said of its seeds again.

    Returns:
        The line.
    """
    return _fitted(_clauses(verdict, after_kind=after_kind), width)


def headline_lines(verdict: Verdict, *, width: int, most: int) -> list[str]:
    """The headline for a text that goes on: on one line with fewer clauses, or on several.

    Of a comparison the difference, its interval and the margin are always there; what else is said
    takes no further line.

    Args:
        verdict: the verdict.
        width: cells of a line.
        most: the largest number of lines; the words that do not fit are left out.

    Returns:
        The lines.
    """
    clauses = list(map(one_line, _clauses(verdict)))
    line = _fitted(clauses, width)
    kept = _until_margin(clauses)
    if kept and not line.startswith(_joined(clauses[:kept])):
        lines = _by_clauses(clauses[:kept], width)
        for clause in clauses[kept:]:
            if width_of(_joined([lines[-1], clause])) > width:
                break
            lines[-1] = _joined([lines[-1], clause])
        if len(lines) <= most and max(map(width_of, lines)) <= width:
            return lines
    elif not line.endswith(("...", ":")) and width_of(line) <= width:
        return [line]
    return wrap_within(_joined(clauses), width, most=most)


def _by_clauses(clauses: Sequence[str], width: int) -> list[str]:
    """The clauses in lines that are broken between them."""
    lines = [clauses[0]]
    for clause in clauses[1:]:
        if width_of(longer := _joined([lines[-1], clause])) <= width:
            lines[-1] = longer
        else:
            mark = "," if clause.startswith(",") and width_of(lines[-1]) < width else ""
            lines[-1:] = [lines[-1] + mark, clause.lstrip(",; ")]
    return lines


def _until_margin(clauses: Sequence[str]) -> int:
    """How many clauses there are up to the margin; 0 without one."""
    return next((n for n, text in enumerate(clauses, start=1) if text.startswith(_MARGIN)), 0)


def metric_sentence(metric: MetricVerdict, *, width: int | None = None) -> str:
    """One metric's verdict in one line, cut as `headline` is.

    Args:
        metric: the metric.
        width: as in `headline`.

    Returns:
        The line.
    """
    return _fitted(_metric_clauses(metric), width)


def failed_seeds(verdict: Verdict) -> tuple[tuple[int, str], ...]:
    """The seeds that raised, crashed or recorded a non-finite value, with what happened.

    Args:
        verdict: the verdict.

    Returns:
        (seed, what happened) for each of them.
    """
    found: dict[int, list[str]] = {}
    for result in verdict.seeds:
        if result.outcome in WITHOUT_SUCCESS:
            early = f"{COLLAPSED}: {result.collapse}" if result.collapse else ""
            what = early or _first_line(result.message) or result.outcome
            found.setdefault(result.seed, []).append(what)
    for metric in verdict.metrics:
        for seed, value in metric.candidate.items():
            if not math.isfinite(value):
                found.setdefault(seed, []).append(f"{metric.name} = {number(value)}")
    return tuple((seed, ", ".join(what)) for seed, what in sorted(found.items()))


def _clauses(verdict: Verdict, *, after_kind: bool = False) -> Sequence[str]:
    alike = [metric for metric in verdict.metrics if metric.kind is verdict.kind]
    failed = [seed for seed in verdict.seeds if seed.outcome in WITHOUT_SUCCESS]
    if verdict.kind is VerdictKind.DIVERGED and failed and all(seed.collapse for seed in failed):
        return _collapsed_early(verdict, failed)
    if verdict.kind is VerdictKind.DIVERGED and (troubled := failed_seeds(verdict)):
        raised = {seed.seed for seed in failed}
        what = "failed" if raised.issuperset(seed for seed, _ in troubled) else "diverged"
        count = max(seeds_counted(verdict), len(troubled))
        did = "" if after_kind and what == "diverged" else f" {what}"
        first = f"{_of_the_seeds(len(troubled), count, verdict)}{did}:"
        return (first, *(f"; {verdict.unit} {seed}: {what}" for seed, what in troubled))
    if verdict.kind is VerdictKind.IDENTICAL:
        unit = "pair" if verdict.base else verdict.unit
        return (f"identical in {count_of(verdict.decided_after, unit)}",)
    if verdict.kind is VerdictKind.UNCHANGED and verdict.reasons:
        return verdict.reasons[:1]
    if not alike or (alike[0].comparison is None and verdict.reasons):
        return _with_reason(_test_is(verdict), verdict.reasons)
    others = [metric.name for metric in alike[1:]]
    return (*_metric_clauses(alike[0]), *([f"; so did {', '.join(others)}"] if others else []))


def _of_the_seeds(some: int, count: int, verdict: Verdict) -> str:
    """``2 of 4 seeds``, in words where there is one."""
    if count > 1:
        return f"{some} of {count_of(count, verdict.unit)}"
    return "its one seed" if len(verdict.planned) == 1 else "the only seed that ran"


def _test_is(verdict: Verdict) -> str:
    if verdict.base and verdict.kind in _BESIDE_BASE:
        return _BESIDE_BASE[verdict.kind]
    return _TEST_IS[verdict.kind]


def _collapsed_early(verdict: Verdict, collapsed: Sequence[SeedResult]) -> Sequence[str]:
    """What a learning curve had reached, and the metrics then; the others by their number."""
    name = name_parts(verdict.test)[-1]
    curve, *so_far = collapsed[0].collapse.split("; ")
    others = [str(seed.seed) for seed in collapsed[1:]]
    also = f"; and so did {plural('seed', len(others))} {', '.join(others)}"
    return (
        f"{name} {COLLAPSED}: {curve}",
        *(f"; {metric}" for metric in so_far),
        *([also] if others else []),
    )


def _metric_clauses(metric: MetricVerdict) -> Sequence[str]:
    subject = f"{metric.name} {_METRIC_DID[metric.kind]}"
    if metric.kind is VerdictKind.IDENTICAL:
        unit = "pair" if metric.base else metric.unit
        return (f"{subject} in {count_of(len(metric.candidate), unit)}",)
    if metric.comparison is None:
        return _with_reason(subject, metric.reasons)
    if shown_by_another_test(metric):
        return _with_reason(subject, metric.reasons)
    bounded = math.isfinite(metric.comparison.difference)
    return (
        f"{subject}: {means(metric)}",
        *([f"({difference_with_interval(metric)})"] if bounded else []),
        f"{_MARGIN}{margin_text(metric)}",
        f", p = {p_text(metric)}",
        f", {seeds_compared(metric)}",
        *([f" with {metric.base}"] if metric.base else []),
    )


def _with_reason(sentence: str, reasons: tuple[str, ...]) -> Sequence[str]:
    if not reasons:
        return (sentence,)
    return reasons[:1] if reasons[0].startswith(sentence) else (f"{sentence}: {reasons[0]}",)


def _fitted(clauses: Sequence[str], width: int | None) -> str:
    kept = [one_line(clause) for clause in clauses]
    while width is not None and len(kept) > 1 and width_of(_joined(kept)) > width:
        kept.pop()
    return _joined(kept) if width is None else clip_words(_joined(kept), width)


def _joined(clauses: list[str]) -> str:
    """Join clauses: a comma or semicolon follows directly, and is dropped after a colon."""
    text = clauses[0]
    for clause in clauses[1:]:
        if text.endswith(":"):
            clause = clause.lstrip(",; ")
        text += clause if clause[:1] in (",", ";") else f" {clause}"
    return text


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
