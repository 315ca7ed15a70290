"""How a margin is written: the one grammar, for recording and for judging alike.

Imports no numpy, so that what a seed records is refused where it is recorded, not after every seed
has trained.
"""

from __future__ import annotations

import re
from numbers import Real
from typing import Final, Literal, NewType, SupportsFloat, TypeAlias

# fmt: off
CommonMargin: TypeAlias = Literal[
    "auto",
    "0.1%", "0.2%", "0.25%", "0.3%", "0.4%", "0.5%", "0.75%", "1%", "1.5%", "2%", "2.5%", "3%",
    "4%", "5%", "6%", "7%", "8%", "9%", "10%", "15%", "20%", "25%", "30%", "40%", "50%",
    "0.1sd", "0.2sd", "0.25sd", "0.3sd", "0.4sd", "0.5sd", "0.75sd", "1sd", "1.25sd", "1.5sd",
    "2sd", "2.5sd", "3sd", "4sd", "5sd",
]
# fmt: on
"""The margins that are mostly written as text; a type checker knows no pattern, only a list."""

MarginText = NewType("MarginText", str)
"""A margin as text that `margin` has checked."""

Margin: TypeAlias = SupportsFloat | CommonMargin | MarginText
"""What `Run.record` takes as a margin, for type checkers: when a test runs, any text that `margin`
accepts will do."""

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


def margin(text: str) -> MarginText:
    """A margin as text that is not among the common ones, such as ``margin("0.37sd")``.

    Args:
        text: a share of the baseline's mean (``"1.2%"``), a number of its standard deviations
            (``"0.37sd"``), or ``"auto"``.

    Raises:
        ValueError: it is not a margin.
    """
    read_margin(text)
    return MarginText(text)


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
