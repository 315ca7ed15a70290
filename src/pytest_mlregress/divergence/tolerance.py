"""How far two numbers may lie apart by rounding alone, from a training nudged by one ulp."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from pytest_mlregress.divergence.events import Digest, Event, Trace

FACTOR: Final = 30.0
"""A change this many times as large as that of the nudged training is no rounding: a nudge of one
ulp grows as the rounding errors do that another order of summation makes, up to a constant."""

CAP: Final = 0.05
"""A relative change that is never called rounding, whatever the nudge does."""

_ULPS: Final = 32.0
_EPSILON: Final[Mapping[str, float]] = {
    "float64": 2.0**-52,
    "float": 2.0**-52,
    "float32": 2.0**-23,
    "complex64": 2.0**-23,
    "float16": 2.0**-10,
    "bfloat16": 2.0**-7,
}

_Place = tuple[int, tuple[str, str, str], int]


class Tolerance:
    """The relative change that rounding explains, by event.

    Args:
        base: the base's trace.
        nudged: that of the same training with its inputs moved by one ulp; None without. One in
            which nothing was moved says nothing about rounding.
    """

    def __init__(self, base: Trace, nudged: Trace | None) -> None:
        self._seen: dict[_Place, float] = {}
        self._places: dict[int, _Place] = {}
        moved = nudged is not None and nudged.nudged_at is not None
        other = dict(_placed(nudged.events)) if nudged is not None and moved else {}
        for place, event in _placed(base.events):
            self._places[event.order] = place
            if place in other:
                self._seen[place] = relative_change(event.digest, other[place].digest)

    def of(self, event: Event) -> float:
        """The relative change at an event of the base that is still rounding.

        Args:
            event: of the base.

        Returns:
            The change, at most `CAP`; 0 for what is no floating-point number.
        """
        epsilon = _EPSILON.get(event.digest.kind.partition("[")[0])
        if epsilon is None:
            return 0.0
        return min(max(_ULPS * epsilon, self.reach(event)), CAP)

    def reach(self, event: Event) -> float:
        """How far the nudge, times `FACTOR`, moves a value, without a cap.

        A gradient that is zero but for rounding moves by more than its size: a difference within
        that says nothing, and is not called rounding either.

        Args:
            event: of the base.
        """
        seen = self._seen.get(self._places.get(event.order, (0, ("", "", ""), -1)), 0.0)
        return FACTOR * seen if math.isfinite(seen) else 0.0


def relative_change(base: Digest, candidate: Digest) -> float:
    """How far apart two arrays are, as a share of the base's norm.

    Args:
        base: the digest of one.
        candidate: that of the other.

    Returns:
        An estimate of the norm of their difference over the base's; 0 for equal bits, infinity
        where shapes or dtypes differ, or where nothing can be said.
    """
    if base.bits == candidate.bits:
        return 0.0
    if base.kind != candidate.kind:
        return math.inf
    apart = max(abs(base.projection - candidate.projection), abs(base.norm - candidate.norm))
    scale = max(base.norm, candidate.norm)
    if not math.isfinite(apart) or not math.isfinite(scale) or scale == 0.0:
        return math.inf
    return apart / scale


def _placed(events: Iterable[Event]) -> Iterable[tuple[_Place, Event]]:
    """Each event with its step, key and number among those of the same step and key."""
    count: Counter[tuple[int, tuple[str, str, str]]] = Counter()
    for event in events:
        where = event.step, event.key
        yield (*where, count[where]), event
        count[where] += 1
