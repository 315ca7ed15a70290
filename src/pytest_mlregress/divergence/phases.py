"""Which part of a training an event belongs to, judged with the whole trace in hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_mlregress.divergence.events import Event

DATA_ORDER: Final = "data order"
DATA: Final = "data"
INITIALISATION: Final = "initialisation"
RNG_DRAWS: Final = "RNG draws"
FORWARD: Final = "forward"
LOSS: Final = "loss"
BACKWARD: Final = "backward"
OPTIMIZER: Final = "optimizer"
EVALUATION: Final = "evaluation"
FIT: Final = "fit"
METRIC: Final = "recorded metric"
STRUCTURE: Final = "structure"
CALL: Final = "call"
FUNCTION: Final = "function"
CONSTANT: Final = "constant"

PHASES: Final = (
    *(DATA, DATA_ORDER, INITIALISATION, RNG_DRAWS, FORWARD, LOSS, BACKWARD, OPTIMIZER),
    *(EVALUATION, FIT, METRIC, STRUCTURE),
    *(CALL, FUNCTION, CONSTANT),
)
"""``data``: other values, ``data order``: the same rows in another order or selection; ``fit``: a
training that does not use torch; ``recorded metric``: nothing else differs; ``structure``: one side
trains for longer; ``call``, ``function``, ``constant``: without torch, other arguments
of a first-party function, another value that one returned, or another constant of a module."""

_SAME_ROWS: Final = 0.25
"""Share of the rows of an input that the other side has seen, too, where only their order moved."""


def phase_of(event: Event, own: Sequence[Event], other: Sequence[Event]) -> str:
    """The phase of the first event that differs.

    Args:
        event: the event.
        own: the trace that it is from.
        other: the other side's.

    Returns:
        One of `PHASES`.
    """
    if event.kind == "rng":
        return _drawn_for(event, own, other)
    if event.kind == "input":
        return _order_or_values(event, own, other)
    if event.kind == "metric":
        return METRIC
    if event.kind == "op" and event.phase == "evaluation" and _updates(event, own, other):
        return OPTIMIZER
    if event.phase != "setup":
        return event.phase
    if _initialises(event, own):
        return INITIALISATION
    if event.random:
        return DATA_ORDER if event.digest.kind.startswith(("int", "[", "list")) else RNG_DRAWS
    if _after_training(event, own):
        return EVALUATION
    return _order_or_values(event, own, other)


def _drawn_for(event: Event, own: Sequence[Event], other: Sequence[Event]) -> str:
    """Whether the draws chose the rows of the next input, or something else."""
    first, second = (
        next((e for e in events if e.kind == "input" and e.step >= event.step), None)
        for events in (own, other)
    )
    if first is None or second is None or first.digest.bits == second.digest.bits:
        return RNG_DRAWS
    return DATA_ORDER if _order_or_values(first, own, other) == DATA_ORDER else RNG_DRAWS


def _initialises(event: Event, own: Sequence[Event]) -> bool:
    """Whether the value, or one made of it in the same function, becomes a parameter."""
    initial = {e.digest.bits for e in own if e.kind == "parameter"}
    function = event.frames[0].function if event.frames else ""
    return any(
        e.digest.bits in initial
        for e in own
        if e.kind == "op"
        and e.phase in ("setup", INITIALISATION)
        and e.order >= event.order
        and (e is event or (e.frames and e.frames[0].function == function))
    )


def _updates(event: Event, own: Sequence[Event], other: Sequence[Event]) -> bool:
    """Whether a call without gradients belongs to the user's own update of the parameters."""
    function = event.frames[0].function if event.frames else ""
    for events in (own, other):
        for later in events:
            if later.order < event.order or later.step < event.step or later.kind != "op":
                continue
            if later.phase in (FORWARD, LOSS):
                break
            same = later.frames and later.frames[0].function == function
            if later.phase == OPTIMIZER and same:
                return True
    return False


def _after_training(event: Event, own: Sequence[Event]) -> bool:
    trained = any(e.kind in ("update", "loss") and e.order < event.order for e in own)
    return trained and not any(
        e.kind in ("input", "loss", "update") and e.order > event.order for e in own
    )


def _order_or_values(event: Event, own: Sequence[Event], other: Sequence[Event]) -> str:
    """Whether the rows that enter the model next are rows that the other side has, too."""
    seen = {row for e in other if e.kind == "input" for row in e.digest.rows}
    entered = next((e for e in own if e.kind == "input" and e.order >= event.order), None)
    rows = entered.digest.rows if entered is not None else ()
    if event.digest.kind.startswith("int") and event.name in ("arange", "argsort", "sort", "flip"):
        return DATA_ORDER
    if rows and sum(row in seen for row in rows) >= _SAME_ROWS * len(rows):
        return DATA_ORDER
    return DATA
