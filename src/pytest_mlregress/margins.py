"""How a margin is written: the one grammar, for recording and for judging alike.

Imports no numpy, so that what a seed records is refused where it is recorded, not after every seed
has trained.
"""

from __future__ import annotations

import re
from numbers import Real
from typing import Final, Literal, TypeAlias

#: The smallest loss that matters, as a user writes it: ``0.01``, ``"1%"``, ``"1sd"`` or ``"auto"``.
MarginLike: TypeAlias = float | str

#: What the number of a margin counts: metric units, the baseline's mean, its standard deviations.
MarginKind: TypeAlias = Literal["absolute", "relative", "sd", "auto"]

#: No margin is larger: values so far beyond any metric count as infinite.
LARGEST_MARGIN: Final = 1e300

_NUMBER_AND_UNIT: Final = re.compile(
    r"\s*\+?((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)\s*(%|sd)\s*", re.IGNORECASE
)

_ALLOWED: Final = (
    'an absolute loss in metric units (0.01), a share of the baseline mean ("1%"), '
    'a number of baseline standard deviations ("1sd"), or "auto"; none of them negative'
)


def read_margin(margin: object) -> tuple[MarginKind, float]:
    """The kind and the amount of a margin: in metric units, a fraction, or standard deviations.

    Capitals and blanks do not matter, and numbers may have an exponent: ``" 1e-1 SD"``.

    Raises:
        ValueError: anything else, naming the value and what is allowed: a negative or non-finite
            number, a boolean, an unknown unit, text without a unit.
    """
    kind, amount = _kind_and_amount(margin)
    if kind is None or not 0.0 <= amount <= LARGEST_MARGIN:
        raise ValueError(f"margin={margin!r} is not a margin; allowed is {_ALLOWED}")
    return kind, amount


def _kind_and_amount(margin: object) -> tuple[MarginKind | None, float]:
    if isinstance(margin, str):
        if margin.strip().lower() == "auto":
            return "auto", 0.0
        match = _NUMBER_AND_UNIT.fullmatch(margin)
        if match is None:
            return None, 0.0
        amount = float(match[1])
        return ("relative", amount / 100) if match[2] == "%" else ("sd", amount)
    if isinstance(margin, bool) or not isinstance(margin, Real):
        return None, 0.0
    try:
        return "absolute", float(margin)
    except (OverflowError, TypeError):  # 10**400; numpy's durations, which call themselves integers
        return None, 0.0
