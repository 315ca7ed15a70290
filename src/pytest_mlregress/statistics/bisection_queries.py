"""Which states of a long history are worth a look at the next step."""

from __future__ import annotations

from typing import Final

import numpy as np

from pytest_mlregress.statistics.bisection_classes import group
from pytest_mlregress.statistics.bisection_problem import BoolArray
from pytest_mlregress.statistics.bisection_values import IntArray
from pytest_mlregress.statistics.samples import FloatArray

#: With at most this many states all of them are of interest.
MOST_STATES: Final = 20

# Otherwise so many groups of candidates, each divided in these shares of their probability.
_GROUPS: Final = 3
_SHARES: Final = (0.25, 0.5, 0.75)


def states_of_interest(
    contains: BoolArray, observed: IntArray, available: IntArray, mass: FloatArray
) -> IntArray:
    """The observed states, and those that divide the most suspicious candidates.

    Candidates that the observed states do not tell apart are a group. Each of the groups with the
    largest mass is divided by the states that include closest to a quarter, a half and three
    quarters of it.

    Args:
        contains: shape (states, candidates).
        observed: shape (k,), the observed states.
        available: shape (a,), the states that can be trained.
        mass: shape (candidates,), how suspicious each candidate is.

    Returns:
        Increasing states.
    """
    if np.union1d(observed, available).size <= MOST_STATES:
        return np.union1d(observed, available)
    fresh = np.setdiff1d(available, observed)
    groups = group(contains[observed])
    found = set(observed.tolist())
    for number in np.argsort(-np.bincount(groups, weights=mass), kind="stable")[:_GROUPS]:
        members = np.flatnonzero(groups == number)
        share = contains[np.ix_(fresh, members)] @ mass[members] / mass[members].sum()
        divides = (share > 0.0) & (share < 1.0)
        if divides.any():
            states, share = fresh[divides], share[divides]
            found.update(int(states[np.argmin(np.abs(share - target))]) for target in _SHARES)
    return np.array(sorted(found), dtype=np.intp)
