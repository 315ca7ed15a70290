"""Bit-equality of matched seeds: a change without any effect needs no statistics."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

#: Ties of all compared seeds by chance have to be rarer than this.
CHANCE_OF_TIES: Final = 1e-3

#: Fewer matched seeds are never evidence of identity.
LEAST_SEEDS: Final = 2

#: Test sets with more examples give shares that are never tied by chance.
MOST_EXAMPLES: Final = 1_000_000

#: The same in single precision, in which every number is near a share of some more examples. Of
#: continuous values 6 % count as shares and only need more pairs.
MOST_EXAMPLES_IN_SINGLE: Final = 2_000

#: Fewer matched seeds of a metric that is a share are never evidence: so few cannot show its ties.
LEAST_SEEDS_OF_SHARES: Final = 4

# A share that was computed in double precision.
_ROUNDED_SHARE: Final = 1e-15

#: The metrics of each seed by name.
BySeed = Mapping[int, Mapping[str, float]]


def seeds_to_match(baseline_by_seed: BySeed, *, planned: int) -> int:
    """How many matched seeds have to be bit-equal before a change counts as identical.

    Two seeds of a coarse metric are often equal by chance, and so are a baseline seed and one of a
    changed training. The baseline shows how often: r = (tied pairs + 1) / (pairs + 1) of its own
    seeds, where a pair is tied that is bit-equal in every metric. The answer is the least k with
    r^k <= 1e-3, at least 2: 2 for a metric whose values are all different, 5 or 6 for an accuracy
    on 20 examples. Metrics count together because they may be functions of each other (an accuracy
    and its error rate): the product of their tie rates would claim too much.

    Args:
        baseline_by_seed: the metrics of each baseline seed by name.
        planned: number of seeds of the check, the most that can be compared.

    Returns:
        The number of seeds, at most `planned`.
    """
    rate = _tie_rate(baseline_by_seed)
    needed = math.inf if rate == 1.0 else math.log(CHANCE_OF_TIES) / math.log(rate)
    # Rounding must not require one seed more where r^k is the limit itself.
    return int(max(LEAST_SEEDS, min(math.ceil(min(needed, planned) - 1e-9), planned)))


def pairs_to_match(base_by_seed: BySeed, *, planned: int) -> int:
    """The same where the base has few seeds, which cannot show how often two of them are tied.

    Two seeds suffice if some metric takes so many values that no two are tied by chance: one that
    is no fraction of up to a million (in single precision: of up to 2000), as a loss is and an
    accuracy is not. For other metrics `seeds_to_match` counts, 4 pairs at the earliest.

    Args:
        base_by_seed: the metrics of each base seed by name.
        planned: the largest number of pairs.

    Returns:
        The number of pairs, at most `planned`.
    """
    names = {name for metrics in base_by_seed.values() for name in metrics}
    if any(_is_continuous([m[name] for m in base_by_seed.values() if name in m]) for name in names):
        return min(LEAST_SEEDS, planned)
    needed = seeds_to_match(base_by_seed, planned=planned)
    return min(max(needed, LEAST_SEEDS_OF_SHARES), planned)


def _is_continuous(values: Sequence[float]) -> bool:
    """Whether each of the values has more digits than a share of up to a million examples has."""
    return all(math.isfinite(value) and not _is_share(value) for value in values)


def _is_share(value: float) -> bool:
    """Whether a share or a percentage of few examples rounds to the value, in either precision."""
    nearest = Fraction(value).limit_denominator(MOST_EXAMPLES)
    if math.isclose(float(nearest), value, rel_tol=_ROUNDED_SHARE, abs_tol=0.0):
        return True
    unit = 1 if abs(value) <= 1.0 else 100
    if abs(value) > unit or _single(value) != value:
        return False
    share = (Fraction(value) / unit).limit_denominator(MOST_EXAMPLES_IN_SINGLE)
    return _single(float(share * unit)) == value


def _single(value: float) -> float:
    """The value rounded to single precision; NaN where that overflows."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.nan


def identical(baseline_by_seed: BySeed, candidate_by_seed: BySeed, *, seeds: int) -> bool:
    """Whether the first `seeds` matched seeds are bit-equal in every metric, and not all the same.

    Matched seeds are those on both sides, in order of their number; `seeds_to_match` says how many
    are evidence. Two of them must differ in some metric: a constant training equals anything. NaN
    equals only a NaN of the same bits, and 0.0 is not -0.0.

    Args:
        baseline_by_seed: the metrics of each baseline seed by name.
        candidate_by_seed: those of each candidate seed.
        seeds: how many matched seeds have to be equal.

    Returns:
        False also if fewer seeds match, if a side lacks a metric of the other, or if there is none.
    """
    matched = sorted(baseline_by_seed.keys() & candidate_by_seed.keys())[:seeds]
    if len(matched) < max(seeds, LEAST_SEEDS):
        return False
    baseline, candidate = (
        [bits(side[seed]) for seed in matched] for side in (baseline_by_seed, candidate_by_seed)
    )
    return baseline == candidate and any(values != baseline[0] for values in baseline)


def bits(metrics: Mapping[str, float]) -> dict[str, bytes]:
    """The values as their eight bytes, for comparison bit by bit.

    Args:
        metrics: the values by name.

    Returns:
        The bytes by name.
    """
    return {name: struct.pack("<d", value) for name, value in metrics.items()}


def _tie_rate(baseline_by_seed: BySeed) -> float:
    """The share of pairs of seeds that are tied, counted with one more tied pair."""
    seeds = Counter(frozenset(bits(metrics).items()) for metrics in baseline_by_seed.values())
    tied = sum(math.comb(alike, 2) for alike in seeds.values())
    return (tied + 1) / (math.comb(seeds.total(), 2) + 1)
