"""Compares two traces of one seed: the first event that differs by more than rounding."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pytest_mlregress.divergence import phases
from pytest_mlregress.divergence.alignment import aligned
from pytest_mlregress.divergence.changed_lines import ChangedLines
from pytest_mlregress.divergence.events import SOFT, Event, Trace
from pytest_mlregress.divergence.source_lines import Source, source_of
from pytest_mlregress.divergence.tolerance import Tolerance, relative_change

_ONE_SIDED = frozenset({"parameter", "settings", "gradient", "metric", "rng"})
"""Kinds of which one that exists on one side only is a difference by itself; a call that computes
the same as before may come and go."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first difference of two trainings of one seed.

    Attributes:
        step: how many optimizer steps had been taken.
        phase: one of `phases.PHASES`.
        event: what differs first, of the candidate where it is there.
        base: the base's event; None where it has none.
        candidate: the candidate's event; None where it has none.
        change: the relative change; infinity where shapes or dtypes differ or one side has none.
        tolerance: the relative change that rounding explains there.
        rounding: whether everything that differs is within the tolerance.
        source: the line that is to blame, as far as it can be told.
        evidence: what first-party code did differently before that, if anything.
        only_in: ``"base"`` or ``"candidate"`` where the other side has no such event.
    """

    step: int
    phase: str
    event: Event
    base: Event | None
    candidate: Event | None
    change: float
    tolerance: float
    rounding: bool
    source: Source | None
    evidence: Event | None = None
    only_in: str | None = None


@dataclass(frozen=True, slots=True)
class _Difference:
    """A pair that differs, with the calls before it that only one side made."""

    base: Event | None
    candidate: Event | None
    change: float
    window: tuple[Event, ...]
    unpaired: tuple[tuple[str, Event], ...] = field(default=())


def first_divergence(
    base: Trace,
    candidate: Trace,
    *,
    nudged: Trace | None = None,
    changed: ChangedLines | None = None,
) -> Divergence | None:
    """Find the first difference of two traces.

    Bits decide what differs. A difference within the tolerance, estimated from `nudged`, is
    rounding: the search goes on behind it, and it is returned only where nothing else differs.

    Args:
        base: the trace of one side.
        candidate: that of the other.
        nudged: that of the base with its inputs moved by one ulp; without it a few ulp are allowed.
        changed: the lines that differ between both sides; without it the source is the line that
            ran.

    Returns:
        The divergence; None where nothing differs.
    """
    tolerance = Tolerance(base, nudged)
    rounding: Divergence | None = None
    for found in _differences(base, candidate):
        allowed = tolerance.of(found.base) if found.base is not None else 0.0
        within = 0.0 < found.change <= allowed and found.candidate is not None and not found.window
        if within and rounding is not None:
            continue
        divergence = _divergence(found, base, candidate, nudged, changed, allowed, within)
        if not within:
            return divergence
        rounding = divergence
    return rounding


def _differences(base: Trace, candidate: Trace) -> Iterator[_Difference]:
    """Every difference in order."""
    window: list[Event] = []
    unpaired: list[tuple[str, Event]] = []
    for first, second in aligned(_hard(base), _hard(candidate)):
        if first is None or second is None:
            event = first or second
            assert event is not None
            unpaired.append(("base" if second is None else "candidate", event))
            if event.random or event.kind in _ONE_SIDED:
                yield _Difference(first, second, math.inf, (), tuple(unpaired))
            window.append(event)
        elif first.digest.bits != second.digest.bits:
            change = relative_change(first.digest, second.digest)
            yield _Difference(first, second, change, tuple(window), tuple(unpaired))
            window.clear()
        else:
            window.clear()
    if window and (base.ended, candidate.ended) == ("finished", "finished"):
        longer = [event for event in window if event.kind in ("loss", "update")]
        if longer:
            side = next(side for side, event in unpaired if event is longer[0])
            pair = (longer[0], None) if side == "base" else (None, longer[0])
            yield _Difference(pair[0], pair[1], math.inf, (), tuple(unpaired))


def _hard(trace: Trace) -> list[Event]:
    return [event for event in trace.events if event.kind not in SOFT]


def _divergence(
    found: _Difference,
    base: Trace,
    candidate: Trace,
    nudged: Trace | None,
    changed: ChangedLines | None,
    allowed: float,
    rounding: bool,
) -> Divergence:
    event, side = _first(found)
    own, other = (base, candidate) if side == "base" else (candidate, base)
    evidence = _first_soft(base, candidate, nudged, found)
    phase = phases.phase_of(event, own.events, other.events)
    one_sided = found.base is None or found.candidate is None
    if one_sided and event.kind in ("loss", "update"):
        phase = phases.STRUCTURE
    if phase == phases.METRIC and evidence is not None:
        phase = _phase_without_torch(evidence[1], candidate.events)
    source = source_of(
        event,
        side,
        paired=found.base if side == "candidate" else found.candidate,
        evidence=evidence,
        unpaired=_nearby(found, event) + _modes(base, candidate, event),
        executed=[e for e in own.events if e.kind == "call" and e.order <= event.order],
        changed=changed,
    )
    return Divergence(
        step=event.step,
        phase=phase,
        event=event,
        base=found.base,
        candidate=found.candidate,
        change=found.change,
        tolerance=allowed,
        rounding=rounding,
        source=source,
        evidence=evidence[1] if evidence is not None else None,
        only_in=side if one_sided else None,
    )


def _first(found: _Difference) -> tuple[Event, str]:
    """The event that differs first, and its side: a replaced call comes before what it changes."""
    sides = {id(event): side for side, event in found.unpaired}
    ops = [event for event in found.window if event.kind in ("op", "module")]
    for wanted in ("candidate", "base"):
        for event in ops:
            if sides.get(id(event)) == wanted:
                return event, wanted
    if found.candidate is not None:
        return found.candidate, "candidate"
    assert found.base is not None
    return found.base, "base"


def _nearby(found: _Difference, event: Event) -> list[tuple[str, Event]]:
    """What only one side did in the same step or the one before, the last first."""
    near = [(side, e) for side, e in found.unpaired if e.step >= event.step - 1 and e is not event]
    return near[::-1][:50]


def _modes(base: Trace, candidate: Trace, event: Event) -> list[tuple[str, Event]]:
    """Calls such as ``eval`` or ``manual_seed`` that the sides make differently, up to an event."""
    found: list[tuple[str, Event]] = []
    for first, second in aligned(_of_mode(base), _of_mode(candidate)):
        if first is not None and second is not None and first.digest.bits == second.digest.bits:
            continue
        found += [("base", first)] if first is not None else []
        found += [("candidate", second)] if second is not None else []
    return [(side, mode) for side, mode in found if mode.step <= event.step][:20]


def _of_mode(trace: Trace) -> list[Event]:
    return [event for event in trace.events if event.kind == "mode"]


def _first_soft(
    base: Trace, candidate: Trace, nudged: Trace | None, found: _Difference
) -> tuple[str, Event] | None:
    """The first value of first-party code that differs, before the divergence itself.

    One that also differs between two trainings of the base, such as a time, says nothing.
    """
    noisy = _noisy(base, nudged)
    limits = (
        found.base.order if found.base is not None else math.inf,
        found.candidate.order if found.candidate is not None else math.inf,
    )
    for first, second in aligned(_soft(base), _soft(candidate)):
        if first is None or second is None:
            continue
        if first.order > limits[0] or second.order > limits[1]:
            return None
        if first.digest.bits != second.digest.bits and first.key not in noisy:
            return "candidate", second
    return None


def _noisy(base: Trace, nudged: Trace | None) -> frozenset[tuple[str, str, str]]:
    """Values that differ between two trainings of the base before anything that counts does."""
    if nudged is None:
        return frozenset()
    start = next((e.order for e in base.events if e.kind in ("input", "loss")), math.inf)
    return frozenset(
        first.key
        for first, second in aligned(_soft(base), _soft(nudged))
        if first is not None
        and second is not None
        and first.order < start
        and first.digest.bits != second.digest.bits
    )


def _soft(trace: Trace) -> list[Event]:
    return [e for e in trace.events if e.kind in SOFT and e.kind != "mode"]


def _phase_without_torch(evidence: Event, events: Sequence[Event]) -> str:
    """The phase of a value of first-party code in a training without calls of torch.

    What comes after the first fit is an evaluation; what comes before it is data.
    """
    if any(e.kind == "loss" for e in events):
        last = max(e.order for e in events if e.kind in ("loss", "update"))
        if evidence.order > last:
            return phases.EVALUATION
        return phases.METRIC
    fits = [e.order for e in events if e.kind == "library" and e.name in _FITS]
    if evidence.kind == "library" and evidence.name in _FITS:
        return phases.FIT
    if not fits:
        return phases.METRIC
    return phases.DATA if evidence.order < fits[0] else phases.EVALUATION


_FITS = frozenset({"fit", "partial_fit", "fit_transform", "fit_predict", "train"})
