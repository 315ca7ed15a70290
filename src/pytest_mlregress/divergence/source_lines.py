"""Which line of the user's code is to blame for a divergence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_mlregress.divergence.changed_lines import ChangedLines, Side
from pytest_mlregress.divergence.events import Event, Frame

How = Literal["line", "function", "nearest", "ran"]


@dataclass(frozen=True, slots=True)
class Source:
    """A line of the user's code.

    Attributes:
        frame: the line and its function.
        side: whose file it is.
        how: ``line``: it ran, and it changed; ``function``: it changed, in the function that ran;
            ``nearest``: it changed, in a function that ran before; ``ran``: it ran, and no changed
            line is near it.
    """

    frame: Frame
    side: Side
    how: How


def source_of(
    event: Event,
    side: str,
    *,
    paired: Event | None,
    evidence: tuple[str, Event] | None,
    unpaired: Sequence[tuple[str, Event]],
    executed: Sequence[Event],
    changed: ChangedLines | None,
) -> Source | None:
    """Find the line.

    The frames that ran are asked in the order in which they may be the cause: the line of the event
    itself, what first-party code returned differently before, where the module or optimizer was
    constructed, calls that only one side made, and the callers. A line that changed wins; failing
    that, a function with a changed line; failing that, the last changed function that ran before.

    Args:
        event: what differs first.
        side: whose event it is.
        paired: the other side's event.
        evidence: the first different value of first-party code, with its side.
        unpaired: what only one side did, with its side.
        executed: the calls of first-party functions so far.
        changed: the lines that differ; None where that is not known.

    Returns:
        The line; None where no first-party code ran.
    """
    ran = _ran(event, side)
    if changed is None or not changed.files:
        return ran
    frames = list(_suspects(event, side, paired, evidence, unpaired))
    for owner, frame in frames:
        line = changed.changed_line(owner, frame)
        if line is not None:
            function = changed.function_at(owner, frame.file, line)
            return Source(Frame(frame.file, line, function), owner, "line")
    for _, frame in _by_function(event, side, evidence, unpaired):
        found = changed.line_in_function(frame.file, frame.function)
        if found is not None:
            return Source(Frame(frame.file, found[1], frame.function), found[0], "function")
    return _nearest(executed, changed) or ran


def _ran(event: Event, side: str) -> Source | None:
    frames = event.frames or event.made
    return Source(frames[0], _side(side), "ran") if frames else None


def _suspects(
    event: Event,
    side: str,
    paired: Event | None,
    evidence: tuple[str, Event] | None,
    unpaired: Sequence[tuple[str, Event]],
) -> Iterator[tuple[Side, Frame]]:
    """The frames whose line may have changed, the likeliest first."""
    own = _side(side)
    other: Side = "base" if own == "candidate" else "candidate"
    both = [(own, event)] + ([(other, paired)] if paired is not None else [])
    for owner, found in both:
        yield from ((owner, frame) for frame in found.frames[:1])
    if evidence is not None:
        yield from ((_side(evidence[0]), frame) for frame in evidence[1].frames[:2])
    for owner, found in both:
        yield from ((owner, frame) for frame in found.made)
    for name, found in unpaired:
        yield from ((_side(name), frame) for frame in found.frames[:1])
    for owner, found in both:
        yield from ((owner, frame) for frame in found.frames[1:])
    if evidence is not None:
        yield from ((_side(evidence[0]), frame) for frame in evidence[1].frames[2:])


def _by_function(
    event: Event,
    side: str,
    evidence: tuple[str, Event] | None,
    unpaired: Sequence[tuple[str, Event]],
) -> Iterator[tuple[str, Frame]]:
    """The frames whose function may have changed, the likeliest first."""
    if evidence is not None:
        frames = evidence[1].frames
        if evidence[1].kind == "call":  # its arguments are its caller's
            frames = (*frames[1:], *frames[:1])
        yield from ((evidence[0], frame) for frame in frames[:1])
    yield from ((side, frame) for frame in event.frames[:1])
    yield from ((side, frame) for frame in event.made[:1])
    for name, found in unpaired:
        yield from ((name, frame) for frame in found.frames[:1])
    yield from ((side, frame) for frame in event.frames[1:])
    yield from ((side, frame) for frame in event.made[1:])


def _nearest(executed: Sequence[Event], changed: ChangedLines) -> Source | None:
    functions = changed.functions()
    for call in reversed(executed):
        for frame in call.frames[:1]:
            found = functions.get((frame.file, frame.function))
            if found is not None:
                return Source(Frame(frame.file, found[1], frame.function), found[0], "nearest")
    for (file, function), (side, line) in functions.items():
        if function == "<module>":
            return Source(Frame(file, line, function), side, "nearest")
    return None


def _side(name: str) -> Side:
    return "base" if name == "base" else "candidate"
