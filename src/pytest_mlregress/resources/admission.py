"""Which requests for a machine's resources are met, and in which order: a pure decision."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_SLACK: Final = 1e-9
"""Ten tenths of a GPU are one, whatever floats add up to."""


@dataclass(frozen=True, slots=True)
class Request:
    """What one process asked for.

    Attributes:
        name: begins with the time, so that names sort in the order of asking.
        amounts: by the name of the resource.
        since: when it was met, in seconds of the clock; None while it waits.
    """

    name: str
    amounts: Mapping[str, float]
    since: float | None = None


def is_met(request: Request, others: Iterable[Request], capacity: Mapping[str, float]) -> bool:
    """Whether a waiting request may be met now.

    It has to fit, and must not take what an earlier one waits for: neither a resource that is short
    for that one, nor so much of another that it would become short. What an earlier request waits
    for is therefore never taken away from it, and since requests that are met end, each is met.

    Args:
        request: the request; none of its amounts is more than the machine has.
        others: those of the other processes.
        capacity: what the machine has, by the name of the resource; others are not counted.

    Returns:
        True if it may.
    """
    used: defaultdict[str, float] = defaultdict(float)
    waiting: list[Request] = []
    for other in others:
        if other.since is None:
            waiting.append(other)
            continue
        for name, amount in other.amounts.items():
            used[name] += amount

    def fits(name: str, amount: float) -> bool:
        return used[name] + amount <= capacity.get(name, math.inf) * (1 + _SLACK)

    short: set[str] = set()
    for earlier in sorted(waiting, key=lambda one: one.name):
        if earlier.name > request.name:
            break
        short |= {name for name, amount in earlier.amounts.items() if not fits(name, amount)}
        for name, amount in earlier.amounts.items():
            used[name] += amount
    return all(name not in short and fits(name, amount) for name, amount in request.amounts.items())
