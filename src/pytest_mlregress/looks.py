"""After how many of its seeds a check is looked at; imports nothing, since workers order by it."""

from __future__ import annotations

import math
import operator


def default_looks(n: int) -> tuple[int, ...]:
    """The looks of a check of at most `n` seeds.

    A quarter (rounded up, at least 3), half (rounded up) and all of them; one interim look at 2 or
    3 seeds up to n = 5; none up to n = 2. A first look at 2 seeds would save a little more when
    nothing changed, but 2 seeds can hardly show harm: no p-value of 20 against 2 seeds is below
    0.004, and a seed that fails half of the time would be missed in one of four checks.

    Args:
        n: the largest number of candidate seeds.

    Returns:
        Increasing numbers of candidate seeds.

    Raises:
        ValueError: n is not a positive integer.
    """
    n = operator.index(n)
    if n < 1:
        raise ValueError(f"n is {n}; expected a positive integer")
    if n <= 2:
        return (n,)
    if n <= 5:
        return (min(3, n - 1), n)
    return tuple(sorted({max(3, math.ceil(n / 4)), math.ceil(n / 2), n}))
