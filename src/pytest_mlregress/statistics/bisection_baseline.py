"""What ``git bisect run`` would train for the same history."""

from __future__ import annotations

import math


def trainings_of_git_bisect(n_candidates: int, seeds_a_step: int) -> int:
    """The trainings of a plain bisection with a fixed number of seeds at each state that it visits.

    Args:
        n_candidates: number of commits that may be the first bad one.
        seeds_a_step: seeds of each state.

    Returns:
        ceil(log2(candidates)) steps, and GOOD and BAD that set its threshold.
    """
    return (math.ceil(math.log2(max(n_candidates, 1))) + 2) * seeds_a_step


__all__ = ["trainings_of_git_bisect"]
