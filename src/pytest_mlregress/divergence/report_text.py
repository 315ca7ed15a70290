"""A divergence in words, and as a document."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from pytest_mlregress.divergence import phases
from pytest_mlregress.divergence.command import ExplainReport
from pytest_mlregress.divergence.comparison import Divergence
from pytest_mlregress.divergence.events import Event
from pytest_mlregress.divergence.source_lines import Source
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.text_layout import pad, wrap

_LABELS: Final = 12


def report_lines(report: ExplainReport, *, width: int = 80) -> list[str]:
    """The report for a terminal.

    Args:
        report: the report.
        width: width in cells.

    Returns:
        Lines.
    """
    sides = (
        f"{report.candidate}, trained twice"
        if report.itself
        else f"{report.candidate} against {report.base}"
    )
    lines = wrap(f"{report.test}, seed {report.seed}: {sides}", width, rest="  ")
    lines += wrap(headline(report), width, rest="  ")
    for label, text in _details(report):
        lines += wrap(text, width, first=pad(f"  {label}", _LABELS))
    return lines


def headline(report: ExplainReport) -> str:
    """The answer in one sentence.

    Args:
        report: the report.

    Returns:
        Such as ``step 0, forward: `attn` differs first; `attn.py:41` changed in 9b1d3aa``.
    """
    divergence = report.found.divergence
    if divergence is None:
        return _without_divergence(report)
    where = f"{_when(report, divergence)}{divergence.phase}: {_subject(divergence)}"
    if divergence.rounding:
        where += ", by rounding alone"
    return f"{where}{_cause(report, divergence.source)}"


def _without_divergence(report: ExplainReport) -> str:
    base, candidate = report.found.base, report.found.candidate
    if base.error != candidate.error:
        side, error = (
            ("the candidate", candidate.error) if candidate.error else ("the base", base.error)
        )
        return f"nothing diverges until {side} fails: {error}"
    if candidate.error:
        return f"nothing diverges until both sides fail: {candidate.error}"
    seen = (
        "values of the functions that were called and recorded metrics"
        if candidate.steps == 0
        else f"bits of {count_of(candidate.steps, 'step')}, evaluation and metrics"
    )
    return f"nothing diverges: all {seen} are equal"


def _when(report: ExplainReport, divergence: Divergence) -> str:
    if divergence.phase in (phases.EVALUATION, phases.METRIC, phases.FIT):
        # A training without steps of an optimizer of torch has nothing to count.
        return f"after step {divergence.step - 1}, " if divergence.step else ""
    return f"step {divergence.step}, "


def _subject(divergence: Divergence) -> str:
    event, only = divergence.event, divergence.only_in
    name = f"`{_name(event)}`"
    if divergence.phase == phases.STRUCTURE:
        return f"only the {only} goes on training"
    if event.kind == "parameter" and only is None:
        return f"parameter {name} differs first"
    if event.kind == "settings":
        return f"the settings of {name} differ first"
    if event.kind == "rng":
        return f"the state of {name}'s generator differs first"
    if event.kind == "input":
        return "what enters the model differs first"
    if only is not None:
        return f"{name} is first, in the {only} alone"
    return f"{name} differs first"


def _name(event: Event) -> str:
    return event.module if event.module and event.kind in ("op", "module") else event.name


def _cause(report: ExplainReport, source: Source | None) -> str:
    if source is None:
        return ""
    place = f"`{source.frame}`"
    if source.how == "ran":
        return f"; {place} ran"
    if report.change is None:
        return f"; {place} changed"
    if report.change.commit is None:
        return f"; {place} changed, in no commit yet"
    return f"; {place} changed in {report.change.commit}"


def _details(report: ExplainReport) -> Iterator[tuple[str, str]]:
    divergence = report.found.divergence
    if divergence is not None:
        yield "what", _what(divergence)
        if divergence.evidence is not None:
            yield "before", _evidence(divergence.evidence)
        if divergence.source is not None:
            yield "line", _line(report, divergence.source)
        if report.change is not None and report.change.commit is not None:
            yield "commit", f"{report.change.commit} ({report.change.subject})"
        frames = divergence.event.frames
        if frames and (divergence.source is None or frames[0] != divergence.source.frame):
            yield "ran at", f"{frames[0]} in {frames[0].function}"
    for note in report.notes:
        yield "note", note
    for side, trace in (("base", report.found.base), ("candidate", report.found.candidate)):
        if trace.ended == "cut":
            yield "note", f"the trace of the {side} is not complete: it is too long, or was cut off"
    yield "trainings", _trainings(report)


def _what(divergence: Divergence) -> str:
    event = divergence.event
    shape = f", {event.digest.kind}" if event.digest.kind else ""
    what = f"{event.kind} {event.name}{shape}"
    if divergence.only_in is not None:
        return f"{what}; the other side has none"
    if not math.isfinite(divergence.change):
        return f"{what}; the values do not compare by size"
    allowed = f"rounding explains {divergence.tolerance:.1e}" if divergence.tolerance else ""
    change = f"relative change {divergence.change:.1e}"
    return "; ".join(filter(None, (what, change, allowed)))


def _evidence(event: Event) -> str:
    """What first-party code did differently before."""
    where = f" ({event.frames[0]})" if event.frames else ""
    match event.kind:
        case "call":
            return f"{event.name} was called with other arguments{where}"
        case "constant":
            return f"{event.name} has another value{where}"
        case "library":
            return f"{event.name} returned something else{where}"
        case _:
            return f"{event.name} returned something else{where}"


def _line(report: ExplainReport, source: Source) -> str:
    side = "" if source.side == "candidate" or report.itself else " at the base"
    text = f": {report.text}" if report.text else ""
    near = {
        "function": ", the changed line of the function that ran",
        "nearest": ", in the last changed function that ran before",
    }.get(source.how, "")
    return f"{source.frame} in {source.frame.function}{side}{near}{text}"


def _trainings(report: ExplainReport) -> str:
    ended = "stopped" in (report.found.base.ended, report.found.candidate.ended)
    steps = count_of(report.found.candidate.steps, "step")
    how = f", the last two after {steps}" if ended else ""
    return f"{report.found.trainings}{how}"


def document_of(report: ExplainReport) -> dict[str, Any]:
    """The report as plain builtins.

    Args:
        report: the report.

    Returns:
        The document; ``diverges`` says whether anything differs, ``divergence`` is null where
        nothing does.
    """
    found = report.found
    divergence = found.divergence
    return {
        "test": report.test,
        "tier": report.tier,
        "seed": report.seed,
        "base": report.base,
        "candidate": report.candidate,
        "diverges": report.diverges,
        "answer": headline(report),
        "divergence": _divergence_document(divergence) if divergence is not None else None,
        "change": asdict(report.change) if report.change is not None else None,
        "line": report.text,
        "steps": {"base": found.base.steps, "candidate": found.candidate.steps},
        "errors": {"base": found.base.error, "candidate": found.candidate.error},
        "trainings": found.trainings,
        "notes": list(report.notes),
    }


def _divergence_document(divergence: Divergence) -> dict[str, Any]:
    event, source = divergence.event, divergence.source
    return {
        "step": divergence.step,
        "phase": divergence.phase,
        "kind": event.kind,
        "name": event.name,
        "module": event.module,
        "value": event.digest.kind,
        "relative_change": divergence.change,
        "tolerance": divergence.tolerance,
        "rounding": divergence.rounding,
        "only_in": divergence.only_in,
        "source": None
        if source is None
        else {
            "file": source.frame.file,
            "line": source.frame.line,
            "function": source.frame.function,
            "side": source.side,
            "how": source.how,
        },
        "evidence": None
        if divergence.evidence is None
        else {"kind": divergence.evidence.kind, "name": divergence.evidence.name},
    }
