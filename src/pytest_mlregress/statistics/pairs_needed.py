"""How many pairs a level and a margin take, before anything runs."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Final

from pytest_mlregress.statistics.live_pairs import detectable_sd
from pytest_mlregress.statistics.pair_design import pair_design, pair_looks

#: Plans look no further than this many pairs.
MOST_PAIRS: Final = 1_000

# Equal up to rounding.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class PairsForLevel:
    """The pairs from which on exact tests can show a loss.

    Attributes:
        level: level of one comparison.
        sign_flips: the least n with 2^-n at most `level`.
        two_samples: the least n with 1 / C(2n, n) at most `level`.
    """

    level: float
    sign_flips: int
    two_samples: int

    def in_words(self, n_pairs: int) -> str:
        """What `n_pairs` reach, and what the level takes.

        Args:
            n_pairs: the pairs that are planned.

        Returns:
            ``5 pairs: sign flips reach 1/32 = .031, this suite's level is .0025: 9 pairs
            (--mlregress-seeds=9)``, with the two-sample test if that reaches less.
        """
        reached = f"{n_pairs} pairs: sign flips reach 1/{2**n_pairs} = {_short(0.5**n_pairs)}"
        samples = comb(2 * n_pairs, n_pairs)
        reached += f" and two samples 1/{samples} = {_short(1 / samples)}"
        return (
            f"{reached}, this suite's level is {_short(self.level)}: {self.sign_flips} pairs "
            f"(--mlregress-seeds={self.sign_flips})"
        )


@lru_cache(maxsize=256)
def pairs_for_level(level: float) -> PairsForLevel:
    """How many pairs the exact tests need at a level.

    Args:
        level: level of one comparison, between 0 and 1.

    Returns:
        The numbers of pairs.

    Raises:
        ValueError: a level outside (0, 1).
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level!r}; allowed is a number between 0 and 1, exclusive")
    limit = level * (1.0 + _ROUNDING)
    return PairsForLevel(
        level,
        sign_flips=next(n for n in range(1, 2_000) if 0.5**n <= limit),
        two_samples=next(n for n in range(1, 2_000) if 1 / comb(2 * n, n) <= limit),
    )


@lru_cache(maxsize=256)
def pairs_needed(margin_sd: float, *, alpha: float) -> int | None:
    """The pairs that show a loss with 90 % power, if matched seeds turn out not to be linked.

    Linked seeds need fewer.

    Args:
        margin_sd: the loss in standard deviations of a side.
        alpha: level of the comparison.

    Returns:
        The number of pairs; None if `MOST_PAIRS` do not suffice.

    Raises:
        ValueError: a loss that is not positive.
    """
    if not margin_sd > 0.0:
        raise ValueError(f"margin_sd is {margin_sd!r}; allowed is a number above 0")
    numbers = range(2, MOST_PAIRS + 1)
    found = bisect_left(numbers, True, key=lambda n: shown_by(n, alpha) <= margin_sd)
    return numbers[found] if found < len(numbers) else None


def shown_by(n_pairs: int, alpha: float) -> float:
    """The loss, in standard deviations, that `n_pairs` unlinked pairs show with 90 % power.

    Args:
        n_pairs: the largest number of pairs.
        alpha: level of the comparison.

    Returns:
        The loss; infinite if there is none.
    """
    return detectable_sd(n_pairs, pair_design(pair_looks(n_pairs), alpha).reject[-1])


def _short(p: float) -> str:
    """``.031``: two significant digits without the zero before the point."""
    if not p < 1.0:
        return f"{p:.2g}"
    digits = max(2, 1 - math.floor(math.log10(p)))
    return f"{p:.{digits}f}".lstrip("0") if digits < 8 else f"{p:.1e}"
