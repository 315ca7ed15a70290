"""Compares two traces of one seed: the first event that differs by more than rounding."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from pytest_mlregress.divergence import phases
from pytest_mlregress.divergence.alignment import aligned
from pytest_mlregress.divergence.changed_lines import ChangedLines
from pytest_mlregress.divergence.events import SOFT, Event, Trace
from pytest_mlregress.divergence.generator_states import with_like_generators
from pytest_mlregress.divergence.soft_values import first_soft, phase_of_soft
from pytest_mlregress.divergence.source_lines import Source, source_of
from pytest_mlregress.divergence.tolerance import CAP, Tolerance, relative_change

_ONE_SIDED = frozenset({"parameter", "settings", "gradient", "metric", "rng"})
"""Kinds of which one that exists on one side only is a difference by itself; a call that computes
the same as before may come and go."""

_NOT_NUDGED = frozenset({"rng", "input", "parameter", "settings"})
"""Kinds that a nudge of the same step moves by rounding at most."""


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

    @property
    def told_by(self) -> Event | None:
        """The value of first-party code that is the answer, where the event only shows its effect.

        So it is in a training without torch, of which the metrics and the generators alone count.
        """
        if self.event.kind in SOFT:
            return self.event
        shown = self.phase in (phases.CALL, phases.FUNCTION, phases.CONSTANT) or (
            self.event.kind == "metric" and self.phase not in (phases.METRIC, phases.STRUCTURE)
        )
        return self.evidence if shown else None

    @property
    def order(self) -> int:
        """When it shows first: the number of the event in its trace."""
        told = self.told_by
        return told.order if told is not None else self.event.order


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
    exact: bool = False,
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
        exact: whether nothing is rounding, as between two trainings of the same code.

    Returns:
        The divergence; None where nothing differs.
    """
    tolerance = Tolerance(base, nudged)
    rounding: Divergence | None = None
    blurred: Divergence | None = None
    for found in _differences(base, candidate):
        allowed = reach = 0.0
        if found.base is not None and found.candidate is not None and not exact:
            allowed, reach = tolerance.of(found.base), tolerance.reach(found.base)
        blurs = 0.0 < found.change <= max(allowed, reach) and not found.window
        within = blurs and found.change <= allowed
        if (within and rounding is not None) or (blurs and not within and blurred is not None):
            continue
        divergence = _divergence(found, base, candidate, nudged, changed, allowed, within)
        if not blurs:
            return divergence
        if within:
            rounding = divergence
        else:
            blurred = divergence
    return rounding or blurred


def first_unsteady(base: Trace, repeat: Trace) -> Divergence | None:
    """Where the base first differs from another training of itself, other than by the nudge.

    What is not computed from nudged values (draws, inputs, parameters, settings) is asked for the
    rest of the nudged step, too.

    Args:
        base: the trace of the base.
        repeat: that of another training of it, nudged or not.

    Returns:
        The first difference; None where the base repeats itself bit for bit.
    """
    if repeat.ended == "stopped":
        early = tuple(e for e in base.events if e.step < repeat.steps)
        base = replace(base, events=early, ended="stopped")
    start = math.inf if repeat.nudged_at is None else repeat.nudged_at
    last = next((e.step for e in repeat.events if e.order >= start), math.inf)
    for found in _differences(base, repeat):
        event = found.candidate or found.base
        assert event is not None
        apart = event.random or event.kind in _NOT_NUDGED
        if event.order < start or (event.step <= last and apart and found.change > CAP):
            return _divergence(found, base, repeat, None, None, 0.0, False)
    return None


def first_without_effect(
    base: Trace, candidate: Trace, repeat: Trace | None, changed: ChangedLines | None
) -> Divergence | None:
    """The first value of first-party code that differs where nothing that counts does.

    Args:
        base: the trace of one side.
        candidate: that of the other.
        repeat: that of another training of the base; what differs there, too, is passed over.
        changed: as for `first_divergence`.

    Returns:
        The difference; None where there is none.
    """
    found = first_soft(base, candidate, repeat)
    if found is None:
        return None
    first, second = found
    change = relative_change(first.digest, second.digest)
    allowed = Tolerance(base, None).of(first)
    return Divergence(
        step=second.step,
        phase=phase_of_soft(first, second, candidate.events),
        event=second,
        base=first,
        candidate=second,
        change=change,
        tolerance=allowed,
        rounding=0.0 < change <= allowed,
        source=source_of(
            second,
            "candidate",
            paired=first,
            evidence=("candidate", second),
            unpaired=(),
            executed=[e for e in candidate.events if e.kind == "call" and e.order <= second.order],
            changed=changed,
        ),
    )


def _differences(base: Trace, candidate: Trace) -> Iterator[_Difference]:
    """Every difference in order."""
    window: list[Event] = []
    unpaired: list[tuple[str, Event]] = []
    pairs = list(aligned(*with_like_generators(_hard(base), _hard(candidate))))
    last = max((i for i, (a, b) in enumerate(pairs) if a is not None and b is not None), default=-1)
    for number, (first, second) in enumerate(pairs):
        if first is None or second is None:
            event = first or second
            assert event is not None
            unpaired.append(("base" if second is None else "candidate", event))
            # What one side does after the other has failed is no difference of its own.
            failed = number > last and (candidate if second is None else base).incomplete
            if not failed and (event.random or event.kind in _ONE_SIDED):
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
    pair = first_soft(base, candidate, nudged, _orders(found))
    evidence = ("candidate", pair[1]) if pair is not None else None
    phase = phases.phase_of(event, own.events, other.events)
    one_sided = found.base is None or found.candidate is None
    if one_sided and event.kind in ("loss", "update"):
        phase = phases.STRUCTURE
    if pair is not None and (phase == phases.METRIC or _untold(event, pair[1], own.events)):
        phase = phase_of_soft(*pair, candidate.events)
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


def _orders(found: _Difference) -> tuple[float, float]:
    """The numbers of the events that differ; infinity where a side has none."""
    base, candidate = found.base, found.candidate
    return (
        base.order if base is not None else math.inf,
        candidate.order if candidate is not None else math.inf,
    )


def _untold(event: Event, soft: Event, events: Sequence[Event]) -> bool:
    """Whether a generator's last state differs only because a function was asked for other work."""
    torch_free = not any(e.kind in ("loss", "input", "update") for e in events)
    return event.kind == "rng" and torch_free and soft.kind in ("call", "constant")
