"""Bit-equality of matched seeds: a change that changed nothing needs no statistics."""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Mapping
from typing import Final

#: Ties by chance of all seeds that prove identity have to be rarer than this.
CHANCE_OF_TIES: Final = 1e-3

#: Fewer matched seeds never prove it.
LEAST_SEEDS: Final = 2

#: The metrics of each seed by name.
BySeed = Mapping[int, Mapping[str, float]]


def seeds_to_match(baseline_by_seed: BySeed, *, planned: int) -> int:
    """How many matched seeds have to be bit-equal before a change counts as identical.

    Two seeds of a coarse metric are often equal by chance, and so are a baseline seed and one of a
    changed training. How often, the baseline tells: r = (tied pairs + 1) / (pairs + 1) of its own
    seeds, where a pair is tied that is bit-equal in every metric. The answer is the least k with
    r^k <= 1e-3, at least 2, and at most the `planned` seeds of the check: 2 for a metric whose
    values are all different, 5 or 6 for an accuracy on 20 examples. Metrics count together because
    they may be functions of each other (an accuracy and its error rate): the product of their tie
    rates would prove too much.
    """
    rate = _tie_rate(baseline_by_seed)
    needed = math.inf if rate == 1.0 else math.log(CHANCE_OF_TIES) / math.log(rate)
    # Rounding must not ask for one seed more where r^k is the limit itself.
    return int(max(LEAST_SEEDS, min(math.ceil(min(needed, planned) - 1e-9), planned)))


def identical(baseline_by_seed: BySeed, candidate_by_seed: BySeed, *, seeds: int) -> bool:
    """Whether the first `seeds` matched seeds are bit-equal in every metric, and not all the same.

    Matched seeds are those on both sides, taken by number; `seeds_to_match` says how many prove
    something. Two of them must differ in some metric: a constant training is equal to anything.
    NaN equals no NaN but one of the same bits, and 0.0 is not -0.0. False where fewer seeds match,
    where a side lacks a metric of the other, or where there is none.
    """
    matched = sorted(baseline_by_seed.keys() & candidate_by_seed.keys())[:seeds]
    if len(matched) < max(seeds, LEAST_SEEDS):
        return False
    baseline, candidate = (
        [bits(side[seed]) for seed in matched] for side in (baseline_by_seed, candidate_by_seed)
    )
    return baseline == candidate and any(values != baseline[0] for values in baseline)


def bits(metrics: Mapping[str, float]) -> dict[str, bytes]:
    """The values as their eight bytes: what equality to the last bit compares."""
    return {name: struct.pack("<d", value) for name, value in metrics.items()}


def _tie_rate(baseline_by_seed: BySeed) -> float:
    """The share of pairs of seeds that are tied, itself counted with an observed tie more."""
    seeds = Counter(frozenset(bits(metrics).items()) for metrics in baseline_by_seed.values())
    tied = sum(math.comb(alike, 2) for alike in seeds.values())
    return (tied + 1) / (math.comb(seeds.total(), 2) + 1)
