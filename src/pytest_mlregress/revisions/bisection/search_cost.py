"""What ``git bisect run`` would have trained for the same history."""

from __future__ import annotations

import math

__all__ = ["git_bisect_trainings"]


def git_bisect_trainings(candidates: int, seeds: int) -> int:
    """The trainings of a plain bisection with a fixed number of seeds a step.

    Args:
        candidates: the number of commits that may be the first bad one, at least 1.
        seeds: the seeds that each tested state is trained with.

    Returns:
        ``ceil(log2(candidates))`` steps and the two ends, each with that many seeds.
    """
    return (math.ceil(math.log2(candidates)) + 2) * seeds
