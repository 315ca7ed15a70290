"""Differences in what first-party code takes and returns: evidence, and no divergence alone."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from pytest_mlregress.divergence import phases
from pytest_mlregress.divergence.alignment import aligned
from pytest_mlregress.divergence.events import SOFT, Event, Trace

_FITS: Final = frozenset({"fit", "partial_fit", "fit_transform", "fit_predict", "train"})
_SAME_NORM: Final = 1e-12
"""Relative difference of the norms of the same numbers in two orders, by rounding."""

_WORDS: Final = (
    (phases.DATA_ORDER, {"shuffle", "shuffled", "permute", "permutation", "order", "reorder"}),
    (phases.INITIALISATION, {"init", "initial", "initialise", "initialize"}),
    (phases.EVALUATION, {"evaluate", "evaluation", "eval", "validate", "predict", "score"}),
    (phases.EVALUATION, {"accuracy", "metric", "metrics"}),
    (phases.BACKWARD, {"grad", "grads", "gradient", "gradients", "backward", "backprop"}),
    (phases.FORWARD, {"forward"}),
    (phases.LOSS, {"loss"}),
    (phases.DATA, {"data", "dataset", "load", "batch", "batches"}),
)
"""What the words of a function's name say of its part of a training without torch."""


def soft_differences(base: Trace, candidate: Trace) -> Iterator[tuple[Event, Event]]:
    """Values of first-party code that differ, in order.

    Args:
        base: the trace of one side.
        candidate: that of the other.

    Yields:
        The base's event and the candidate's.
    """
    for first, second in aligned(_soft(base), _soft(candidate)):
        if first is not None and second is not None and first.digest.bits != second.digest.bits:
            yield first, second


def first_soft(
    base: Trace,
    candidate: Trace,
    repeat: Trace | None,
    limits: tuple[float, float] = (math.inf, math.inf),
) -> tuple[Event, Event] | None:
    """The first value of first-party code that differs.

    Args:
        base: the trace of one side.
        candidate: that of the other.
        repeat: of another training of the base: a value that differs there, too, such as a time,
            says nothing.
        limits: the orders of the base's and the candidate's event before which it must be.

    Returns:
        The base's event and the candidate's; None where there is none.
    """
    noisy = _noisy(base, repeat)
    for first, second in soft_differences(base, candidate):
        if first.order > limits[0] or second.order > limits[1]:
            return None
        if first.key not in noisy:
            return first, second
    return None


def _noisy(base: Trace, repeat: Trace | None) -> frozenset[tuple[str, str, str]]:
    """Values that differ between two trainings of the base before anything that counts does."""
    if repeat is None:
        return frozenset()
    start = next((e.order for e in base.events if e.kind in ("input", "loss")), math.inf)
    return frozenset(
        first.key for first, _ in soft_differences(base, repeat) if first.order < start
    )


def _soft(trace: Trace) -> list[Event]:
    return [e for e in trace.events if e.kind in SOFT and e.kind != "mode"]


def phase_of_soft(first: Event, second: Event, events: Sequence[Event]) -> str:
    """The part of a training to which a value of first-party code belongs.

    After the last step of torch, or after the first fit, it is an evaluation; before a fit it is
    data. Otherwise the same numbers in another order are a data order, and the words of the
    function's name decide; what they do not tell is a call, a function or a constant.

    Args:
        first: the base's event.
        second: the candidate's.
        events: of the candidate's trace.

    Returns:
        One of `phases.PHASES`.
    """
    if any(e.kind == "loss" for e in events):
        last = max(e.order for e in events if e.kind in ("loss", "update"))
        return phases.EVALUATION if second.order > last else _by_kind(second)
    if second.kind == "library" and second.name in _FITS:
        return phases.FIT
    fits = [e.order for e in events if e.kind == "library" and e.name in _FITS]
    if fits:
        return phases.DATA if second.order < fits[0] else phases.EVALUATION
    if second.kind == "return":
        if _reordered(first, second):
            return phases.DATA_ORDER
        words = set(re.findall(r"[a-z]+", re.sub(r"([A-Z])", r"_\1", second.name).lower()))
        for phase, names in _WORDS:
            if words & names:
                return phase
    return _by_kind(second)


def _reordered(first: Event, second: Event) -> bool:
    """Whether two arrays hold the same numbers in another order."""
    one, other = first.digest, second.digest
    if one.kind != other.kind or not one.kind.endswith("]") or one.norm == 0.0:
        return False
    scale = max(one.norm, other.norm)
    same = abs(one.norm - other.norm) <= _SAME_NORM * scale
    return same and abs(one.projection - other.projection) > 1e-3 * scale


def _by_kind(event: Event) -> str:
    return {"call": phases.CALL, "constant": phases.CONSTANT}.get(event.kind, phases.FUNCTION)
