"""The test that judged a comparison, asked again with the candidate's values shifted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from pytest_mlregress.statistics.acceptance import welch_safety
from pytest_mlregress.statistics.comparison import Comparison
from pytest_mlregress.statistics.linked_check import linkable, linked_tails
from pytest_mlregress.statistics.one_sided_tests import (
    ComparisonTest,
    tails_of_test,
    with_margin,
)
from pytest_mlregress.statistics.pair_design import safety_test
from pytest_mlregress.statistics.pair_tests import PairTest, pair_pvalues, smallest_step, t_pvalue
from pytest_mlregress.statistics.pairing import seed_linked
from pytest_mlregress.statistics.rank import failed_rank_pvalues
from pytest_mlregress.statistics.samples import FloatArray

#: Two p-values of one test with a smaller relative difference are one, computed in another order.
_SAME_P: Final = 1e-6


@dataclass(frozen=True, slots=True)
class ShiftTest:
    """One-sided p-values of a difference, candidate minus baseline, higher being better.

    Attributes:
        below: p-value for a difference below a shift; below 0 it is harm.
        above: p-value for a difference above a shift; above minus the margin it is safety.
    """

    below: Callable[[float], float]
    above: Callable[[float], float]


@dataclass(frozen=True, slots=True)
class OrientedSamples:
    """Both samples of one metric by seed, oriented so that higher is better, all values finite.

    Attributes:
        baseline: (seed, value).
        candidate: (seed, value); of live pairs the same seeds in the same order.
        live_pairs: whether both sides trained in one run, seed by seed.
    """

    baseline: tuple[tuple[int, float], ...]
    candidate: tuple[tuple[int, float], ...]
    live_pairs: bool = False

    @property
    def values(self) -> tuple[FloatArray, FloatArray]:
        """The values alone: shapes (n_b,) and (n_c,)."""
        return (
            np.array([value for _, value in self.baseline]),
            np.array([value for _, value in self.candidate]),
        )


def shift_test(samples: OrientedSamples, comparison: Comparison, limit: float) -> ShiftTest | None:
    """The test whose p-value without a shift is the comparison's.

    Args:
        samples: both samples.
        comparison: their comparison.
        limit: the level that its p-value of harm is held to.

    Returns:
        The test; None where no test gives that p-value, since a run effect has widened it.
    """
    for test in _possible(samples, comparison, limit):
        harm = test.below(0.0)
        if abs(harm - comparison.p_harm) <= _SAME_P * max(harm, comparison.p_harm):
            return test
    return None


def _possible(
    samples: OrientedSamples, comparison: Comparison, limit: float
) -> Iterator[ShiftTest]:
    if comparison.test == "robust-t" and samples.live_pairs:
        for test in ("both", "pairs", "samples"):
            for beyond in (True, False):
                yield _of_pairs(samples, test, limit, beyond_resolution=beyond)
    elif comparison.theta is not None and not samples.live_pairs:
        yield from _linked(samples, comparison.theta)
    else:
        if comparison.test == "paired":
            samples = _matched(samples)
        yield _of_samples(samples, comparison.test)
        if comparison.test == "rank":
            yield _by_order(samples)


def _of_samples(samples: OrientedSamples, test: ComparisonTest) -> ShiftTest:
    baseline, candidate = samples.values
    by_values = test in ("robust-t", "rank")

    def below(shift: float) -> float:
        return tails_of_test(baseline, [with_margin(baseline, candidate, -shift)], test)[0].less

    def above(shift: float) -> float:
        shifted = with_margin(baseline, candidate, -shift)
        p = tails_of_test(baseline, [shifted], test)[0].greater
        return max(p, welch_safety(baseline, shifted)) if by_values else p

    return ShiftTest(below, above)


def _by_order(samples: OrientedSamples) -> ShiftTest:
    """The rank test that failed seeds may enter, of samples in which none failed."""
    baseline, candidate = samples.values

    def tails(shift: float) -> tuple[float, float]:
        found = failed_rank_pvalues(baseline, with_margin(baseline, candidate, -shift))
        return found.less, found.greater

    return ShiftTest(lambda shift: tails(shift)[0], lambda shift: tails(shift)[1])


def _linked(samples: OrientedSamples, theta: float) -> Iterator[ShiftTest]:
    baseline, candidate = dict(samples.baseline), dict(samples.candidate)
    if not linkable(baseline, candidate):
        return
    linked = seed_linked(baseline, candidate, theta)
    before, after = np.array(linked.baseline), np.array(linked.candidate)
    kinds: tuple[Literal["flip", "paired", "welch"], ...] = ("flip", linked.test)
    for kind in kinds:
        yield ShiftTest(
            lambda shift, kind=kind: linked_tails(before, after - shift, kind)[0],  # type: ignore[misc]
            lambda shift, kind=kind: linked_tails(before, after - shift, kind)[1],  # type: ignore[misc]
        )


def _of_pairs(
    samples: OrientedSamples, test: PairTest, limit: float, *, beyond_resolution: bool
) -> ShiftTest:
    base, candidate = samples.values
    step = smallest_step(base, candidate)  # a shift changes no step of the metric

    def below(shift: float) -> float:
        return pair_pvalues(
            base,
            with_margin(base, candidate, -shift),
            test=test,
            resolution=step,
            beyond_resolution=beyond_resolution,
        ).at(limit)

    def above(shift: float) -> float:
        shifted = with_margin(base, candidate, -shift)
        safe = safety_test(base.size, test)
        exact = pair_pvalues(shifted, base, test=safe).combined
        return max(exact, t_pvalue(shifted, base, test=safe))

    return ShiftTest(below, above)


def _matched(samples: OrientedSamples) -> OrientedSamples:
    """The baseline's values of the candidate's seeds alone, in their order."""
    baseline = dict(samples.baseline)
    if not baseline.keys() >= dict(samples.candidate).keys():
        return samples
    return OrientedSamples(
        tuple((seed, baseline[seed]) for seed, _ in samples.candidate), samples.candidate
    )
