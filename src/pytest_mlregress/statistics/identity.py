"""Bit-equality of matched seeds: a change that changed nothing needs no statistics."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

#: Matched seeds that must agree before a change counts as identical.
SEEDS_NEEDED: Final = 2


def identical(
    baseline_by_seed: Mapping[int, Mapping[str, float]],
    candidate_by_seed: Mapping[int, Mapping[str, float]],
) -> bool:
    """Whether the first two matched seeds are bit-equal in every metric, and differ between them.

    Each side maps a seed to its metrics by name. Matched seeds are those on both sides, taken by
    number. They must differ from each other in some metric: a constant training is equal to
    anything. NaN equals no NaN but one of the same bits, and 0.0 is not -0.0. False where fewer
    than two seeds match, where a side lacks a metric of the other, or where there is none.
    """
    matched = sorted(baseline_by_seed.keys() & candidate_by_seed.keys())[:SEEDS_NEEDED]
    if len(matched) < SEEDS_NEEDED:
        return False
    baseline, candidate = (
        [_bits(side[seed]) for seed in matched] for side in (baseline_by_seed, candidate_by_seed)
    )
    return baseline == candidate and baseline[0] != baseline[1]


def _bits(metrics: Mapping[str, float]) -> dict[str, bytes]:
    return {name: struct.pack("<d", value) for name, value in metrics.items()}
