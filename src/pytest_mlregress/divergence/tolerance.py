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
        nudged: that of the same training with its inputs moved by one ulp; None without.
    """

    def __init__(self, base: Trace, nudged: Trace | None) -> None:
        self._seen: dict[_Place, float] = {}
        self._places: dict[int, _Place] = {}
        other = dict(_placed(nudged.events)) if nudged is not None else {}
        for place, event in _placed(base.events):
            self._places[event.order] = place
            if place in other:
                self._seen[place] = relative_change(event.digest, other[place].digest)

    def of(self, event: Event) -> float:
        """The relative change at an event of the base that is still rounding.

        Args:
            event: of the base.

        Returns:
            The change, 0 for what is no floating-point number.
        """
        epsilon = _EPSILON.get(event.digest.kind.partition("[")[0])
        if epsilon is None:
            return 0.0
        seen = self._seen.get(self._places.get(event.order, (0, ("", "", ""), -1)), 0.0)
        return max(_ULPS * epsilon, FACTOR * seen if math.isfinite(seen) else 0.0)


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
