"""Candidates of a noisy search that the states of interest do not tell apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pytest_mlregress.statistics.bisection_problem import BoolArray
from pytest_mlregress.statistics.bisection_values import IntArray
from pytest_mlregress.statistics.samples import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """Candidates, grouped by the states of interest that include them.

    Attributes:
        states: shape (k,), the states of interest, increasing.
        of: shape (candidates,), the class of each candidate.
        weight: shape (g,), the prior weights of the classes, with sum 1.
        includes: shape (k, g), whether a state includes a class.
    """

    states: IntArray
    of: IntArray
    weight: FloatArray
    includes: FloatArray

    @classmethod
    def by(cls, contains: BoolArray, weight: FloatArray, states: IntArray) -> Classes:
        """Group the candidates.

        Args:
            contains: shape (states, candidates).
            weight: shape (candidates,), with sum 1.
            states: shape (k,), the states of interest.

        Returns:
            The classes.
        """
        of = group(contains[states])
        first = np.unique(of, return_index=True)[1]
        return cls(
            states,
            of,
            np.bincount(of, weights=weight).astype(np.float64),
            contains[np.ix_(states, first)].astype(np.float64),
        )

    def share(self, weight: FloatArray) -> FloatArray:
        """The share of each candidate in the prior weight of its class.

        Args:
            weight: shape (candidates,).

        Returns:
            Shape (candidates,).
        """
        return np.asarray(weight / self.weight[self.of])


def group(signatures: BoolArray) -> IntArray:
    """Number the columns so that equal ones have one number.

    Args:
        signatures: shape (k, candidates).

    Returns:
        Shape (candidates,), numbers from 0 on in the order of first appearance.
    """
    packed = np.ascontiguousarray(np.packbits(signatures, axis=0).T)
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, of = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.intp)
    rank[np.argsort(first)] = np.arange(first.size)
    return np.asarray(rank[of.ravel()], dtype=np.intp)
