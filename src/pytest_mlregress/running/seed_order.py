"""The order in which seeds begin, so that workers end together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pytest_mlregress.running.sharding import SeedOfTest, shards_of

_FEW: Final = 50
"""Up to so many items for each worker a plan is better than the longest first by itself."""


def planned_order(looks: Sequence[int], seconds: Sequence[float | None], workers: int) -> list[int]:
    """The order of items: look by look, since a seed of a later look may not be needed.

    Within a look the longest begin first, which ends at most 1/3 later than the best order (Graham,
    "Bounds on multiprocessing timing anomalies", SIAM J. Appl. Math. 17, 1969). Where there are few
    items for each worker, the look is dealt out to the workers as a suite is to shards, and items
    are in the order in which they begin by that plan. A worker that is free takes the next item,
    whatever the plan was: where it is wrong, no worker waits.

    Args:
        looks: of each item, in the order of collection.
        seconds: what each is known to take; None where nothing is known.
        workers: how many run at the same time.

    Returns:
        The positions of the items.
    """
    order: list[int] = []
    for look in sorted(set(looks)):
        of_look = [index for index, one in enumerate(looks) if one == look]
        of_look.sort(key=lambda index: -(seconds[index] or 0.0))
        if 1 < workers < len(of_look) <= _FEW * workers:
            of_look = _as_they_begin({index: seconds[index] or 0.0 for index in of_look}, workers)
        order += of_look
    return order


def _as_they_begin(seconds: Mapping[int, float], workers: int) -> list[int]:
    """The items as they begin where each worker has its own, the longest first."""
    owner = shards_of({SeedOfTest("", "", index): took for index, took in seconds.items()}, workers)
    begun = dict.fromkeys(range(1, workers + 1), 0.0)
    begins: dict[int, float] = {}
    for index, took in seconds.items():  # the longest first
        worker = owner[SeedOfTest("", "", index)]
        begins[index] = begun[worker]
        begun[worker] += took
    return sorted(seconds, key=lambda index: begins[index])  # a stable sort
