"""The records of a trace, one JSON line each: a few numbers of a value and where it was computed.

The standard library alone: a trace is read and compared without torch or numpy.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Frame:
    """A line of first-party code.

    Attributes:
        file: its file, relative to the checkout, with forward slashes.
        line: the line that runs, from 1.
        function: the qualified name of the function, ``<module>`` outside of functions.
    """

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Digest:
    """A few numbers that stand for a value.

    Attributes:
        bits: a hash of its bytes; equal exactly where all bits are, up to chance.
        norm: its Euclidean norm, 0 where it is no number.
        projection: its inner product with fixed weights of mean square 1, so that the difference of
            two projections estimates the norm of the difference.
        kind: dtype and shape of an array, otherwise the type's name.
        rows: hashes of the first rows along dimension 0, of the inputs of a model alone.
    """

    bits: str
    norm: float = 0.0
    projection: float = 0.0
    kind: str = ""
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a training did.

    Attributes:
        order: its number in the trace, from 0.
        kind: ``op`` (a call of torch), ``module`` (its output), ``input`` (what enters the model),
            ``parameter`` (before the first step), ``loss``, ``gradient``, ``settings`` (of an
            optimizer), ``update`` (a parameter after a step), ``rng`` (the state of a generator),
            ``metric``; and what first-party code did: ``call``, ``return``, ``library`` (a call
            into a library), ``constant`` (of a module).
        name: of the function, module, parameter or metric.
        phase: what the training was doing, one of `PHASES` or ``setup``.
        step: how many optimizer steps had been taken, from 0.
        digest: of the value.
        module: the path of the module that ran, empty outside of modules.
        frames: the first-party frames that ran, innermost first.
        made: where the module or the optimizer was constructed.
        random: whether it draws random numbers.
    """

    order: int
    kind: str
    name: str
    phase: str
    step: int
    digest: Digest
    module: str = ""
    frames: tuple[Frame, ...] = ()
    made: tuple[Frame, ...] = ()
    random: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What events of two traces have in common that are compared with each other."""
        return self.kind, self.name, self.module


SOFT: Final = frozenset({"call", "return", "library", "constant", "mode"})
"""Kinds of what first-party code does: evidence for a line, no divergence by itself."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What one training of a seed did.

    Attributes:
        events: in the order in which they happened.
        ended: ``"finished"``, ``"stopped"`` at the asked step, ``"failed"``, or ``"cut"`` where the
            process died or the file reached its limit.
        steps: how many optimizer steps were taken.
        error: the first line of the error of a training that failed.
        failed_at: the innermost first-party line of that error; None where there is none.
        notes: what the recorder has to say about the trace.
        nudged_at: the number of the first event after values were moved by one ulp; None where
            none were.
    """

    events: tuple[Event, ...]
    ended: str = "finished"
    steps: int = 0
    error: str = ""
    notes: tuple[str, ...] = field(default=())
    failed_at: Frame | None = None
    nudged_at: int | None = None

    @property
    def incomplete(self) -> bool:
        """Whether it, or its recording, ended by accident: what would come later is unknown."""
        return self.ended in ("failed", "cut")


def line_of(event: Event) -> str:
    """An event as a line of a trace.

    Args:
        event: the event.

    Returns:
        JSON, without a line break.
    """
    record: dict[str, Any] = {"order": event.order}  # by hand: `asdict` copies deeply, slowly
    for name in ("kind", "name", "phase", "step", "module", "random"):
        if value := getattr(event, name):
            record[name] = value
    digest = event.digest
    record["digest"] = [digest.bits, digest.norm, digest.projection, digest.kind, digest.rows]
    for name in ("frames", "made"):
        if frames := getattr(event, name):
            record[name] = [(frame.file, frame.line, frame.function) for frame in frames]
    return json.dumps(record, separators=(",", ":"))


def read_trace(path: Path) -> Trace:
    """Read a trace; a torn last line is dropped.

    Args:
        path: the file.

    Returns:
        The trace; ``"cut"`` where its end is missing, also where there is no file.
    """
    events: list[Event] = []
    end: Mapping[str, Any] = {}
    for record in _records(path):
        if "ended" in record:
            end = record
        elif "order" in record or "kind" in record:
            events.append(_event(record))
    return Trace(
        tuple(events),
        ended=str(end.get("ended", "cut")),
        steps=int(end.get("steps", events[-1].step if events else 0)),
        error=str(end.get("error", "")),
        notes=tuple(map(str, end.get("notes", ()))),
        failed_at=Frame(*end["failed_at"]) if end.get("failed_at") else None,
        nudged_at=end.get("nudged_at"),
    )


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                try:
                    yield json.loads(line)
                except ValueError:
                    return
    except FileNotFoundError:
        return


def _event(record: Mapping[str, Any]) -> Event:
    bits, norm, projection, kind, rows = record.get("digest", ("", 0.0, 0.0, "", ()))
    return Event(
        order=record.get("order", 0),
        kind=record["kind"],
        name=record.get("name", ""),
        phase=record.get("phase", ""),
        step=record.get("step", 0),
        digest=Digest(bits, norm, projection, kind, tuple(rows)),
        module=record.get("module", ""),
        frames=tuple(Frame(*frame) for frame in record.get("frames", ())),
        made=tuple(Frame(*frame) for frame in record.get("made", ())),
        random=record.get("random", False),
    )
