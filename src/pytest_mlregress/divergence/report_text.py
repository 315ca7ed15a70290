"""A divergence in words, and as a document."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from pytest_mlregress.divergence import phases
from pytest_mlregress.divergence.command import ExplainReport
from pytest_mlregress.divergence.comparison import Divergence
from pytest_mlregress.divergence.events import SOFT, Event, Trace
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
    found = report.found
    if found.unsteady is not None and found.blames_base:
        return f"the base itself is not deterministic: {_place(found.base, found.unsteady)}"
    if found.divergence is None:
        return _failure(report) or _without_divergence(report)
    return f"{_place(found.candidate, found.divergence)}{_cause(report, found.divergence.source)}"


def _place(trace: Trace, divergence: Divergence) -> str:
    """The step, the phase, and what differs."""
    where = f"{_when(trace, divergence)}{divergence.phase}: {_subject(divergence)}"
    if not divergence.rounding:
        return where
    if divergence.told_by is None:
        return f"{where}, by rounding alone"
    return f"{where}, with an effect on `{_name(divergence.event)}` by rounding alone"


def _failure(report: ExplainReport) -> str:
    """Which side fails, at which line; empty where none does."""
    base, candidate = report.found.base, report.found.candidate
    if base.error and base.error == candidate.error:
        return f"both sides fail with {_error(candidate)}"
    return ", ".join(
        f"{label} fails with {_error(trace)}"
        for label, trace in ((f"the base {report.base}", base), (report.candidate, candidate))
        if trace.error
    )


def _error(trace: Trace) -> str:
    return f"{trace.error} ({trace.failed_at})" if trace.failed_at is not None else trace.error


def _without_divergence(report: ExplainReport) -> str:
    found = report.found
    if "cut" in (found.base.ended, found.candidate.ended):
        return "nothing diverges in what was recorded of both sides"
    equal = "all recorded metrics are equal"
    if found.candidate.steps:
        equal = f"the bits of {count_of(found.candidate.steps, 'step')} and {equal}"
    aside = found.without_effect
    if aside is not None:
        how = "rounding alone" if aside.rounding else "nothing diverges in the end"
        what = "other bits first" if aside.rounding else "something else first"
        subject = f"`{aside.event.name}` returned {what}"
        if aside.event.kind in ("call", "constant"):
            subject = _told(aside.event)
        return f"{how}: {subject}, but {equal}{_cause(report, aside.source)}"
    if any(event.kind in SOFT for event in found.candidate.events):
        equal += ", and so are the recorded values of functions"
    return f"nothing diverges: {equal}"


def _when(trace: Trace, divergence: Divergence) -> str:
    if divergence.phase in (phases.EVALUATION, phases.METRIC, phases.FIT):
        return f"after step {divergence.step - 1}, " if divergence.step else ""
    # A training without steps of an optimizer of torch has nothing to count.
    return f"step {divergence.step}, " if trace.steps or divergence.told_by is None else ""


def _told(event: Event) -> str:
    """What first-party code did differently."""
    match event.kind:
        case "call":
            return f"`{event.name}` was called with other arguments"
        case "constant":
            return f"`{event.name}` has another value"
        case _:
            return f"`{event.name}` returned something else"


def _subject(divergence: Divergence) -> str:
    event, only = divergence.event, divergence.only_in
    if divergence.told_by is not None:
        return _told(divergence.told_by)
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
    found = report.found
    divergence = found.divergence or found.without_effect
    if found.unsteady is not None:
        yield "unsteady", _unsteady(found.unsteady)
    if divergence is not None and not found.blames_base:
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
    if found.divergence is not None and found.base.error != found.candidate.error:
        yield "note", _failure(report)
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
    """What first-party code did differently before, and where."""
    where = f" ({event.frames[0]})" if event.frames else ""
    return f"{_told(event).replace('`', '')}{where}"


def _unsteady(divergence: Divergence) -> str:
    """Where the base differs from another training of itself."""
    event = divergence.told_by or divergence.event
    where = f" ({event.frames[0]})" if event.frames else ""
    return (
        f"{_subject(divergence)}{where} between two trainings of the base: what differs from there "
        "on may be no change; make the training deterministic (`--self` compares it with itself)"
    )


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
        "divergence": _document(divergence),
        "unsteady": _document(found.unsteady),
        "without_effect": _document(found.without_effect),
        "change": asdict(report.change) if report.change is not None else None,
        "line": report.text,
        "steps": {"base": found.base.steps, "candidate": found.candidate.steps},
        "errors": {"base": found.base.error, "candidate": found.candidate.error},
        "trainings": found.trainings,
        "notes": list(report.notes),
    }


def _document(divergence: Divergence | None) -> dict[str, Any] | None:
    if divergence is None:
        return None
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
