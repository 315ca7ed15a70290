"""Traces made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_mlregress.divergence.events import Digest, Event, Frame, Trace


def event(kind: str, name: str, value: float = 0.0, **fields: Any) -> Event:
    """An event whose digest is that of one float32, at ``train.py:10`` by default."""
    digest = fields.pop("digest", Digest(repr(value), abs(value), value, "float32[1]"))
    fields.setdefault("frames", (Frame("train.py", 10, "train"),))
    fields.setdefault("phase", "forward")
    return Event(
        order=fields.pop("order", 0),
        kind=kind,
        name=name,
        digest=digest,
        step=fields.pop("step", 0),
        **fields,
    )


def trace(events: Sequence[Event], ended: str = "finished", nudged_at: int | None = None) -> Trace:
    """A trace with the events numbered in order."""
    numbered = tuple(
        Event(
            order=number,
            kind=e.kind,
            name=e.name,
            phase=e.phase,
            step=e.step,
            digest=e.digest,
            module=e.module,
            frames=e.frames,
            made=e.made,
            random=e.random,
        )
        for number, e in enumerate(events)
    )
    steps = max((e.step for e in events), default=0)
    return Trace(numbered, ended=ended, steps=steps, nudged_at=nudged_at)
