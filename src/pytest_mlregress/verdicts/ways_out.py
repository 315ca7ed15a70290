"""What makes an unaffordable margin affordable: four ways, each with its command if it has one."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from pytest_mlregress.verdicts.group import GroupPlan
from pytest_mlregress.verdicts.metrics import look_numbers
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.shortfalls import Shortfall

MOST_SEEDS: Final = 1_000
"""Plans look no further than this many seeds on a side."""

_ALPHAS: Final = tuple(percent / 100 for percent in range(1, 21))
"""The levels of a suite that are offered; a false red in every fifth run is the most."""


@dataclass(frozen=True, slots=True)
class WaysOut:
    """The ways out of one test's shortfalls; only those that suffice by themselves.

    Attributes:
        plan: the test.
        n_seeds: the seeds of the check as it is.
        rules: how the test is judged.
        found: its shortfalls.
    """

    plan: GroupPlan
    n_seeds: int
    rules: Rules
    found: Sequence[Shortfall]

    def __iter__(self) -> Iterator[str]:
        yield from self._more_seeds()
        yield from self._more_baseline_seeds()
        yield from self._wider_margin()
        yield from self._higher_level()

    def _suffices(self, *, seeds: int = 0, baseline: int = 0, alpha: float | None = None) -> bool:
        """True if every margin is found with 90 % power, or any loss by an automatic one.

        ``alpha`` is another level of one comparison.
        """
        from pytest_mlregress.statistics.required_seeds import detectable_sd

        looks = look_numbers(seeds or self.n_seeds, self.rules)
        level = self.rules.alpha if alpha is None else self.rules.tested_share * alpha
        return all(
            _within(
                one,
                detectable_sd(
                    looks, n_baseline=baseline or one.n_baseline, alpha=one.share * level
                ),
            )
            for one in self.found
        )

    def _more_seeds(self) -> Iterator[str]:
        seeds = _fewest(lambda n: self._suffices(seeds=n))
        if seeds is not None:
            yield (
                f"more seeds, which seeds({seeds}) declares for good: "
                f"{self.plan.command} --mlregress-seeds={seeds}"
            )

    def _more_baseline_seeds(self) -> Iterator[str]:
        """With the declared seeds; if these cannot suffice, with more seeds per check too.

        The latter asks for at least twice as many baseline seeds.
        """
        update = f"{self.plan.update_command} --mlregress-baseline-seeds"
        recorded = max(one.n_baseline for one in self.found)
        baseline = _first(range(recorded + 1, MOST_SEEDS + 1), lambda n: self._suffices(baseline=n))
        if baseline is not None:
            yield f"more baseline seeds: {update}={baseline}"
            return
        baseline = _first(
            range(2 * recorded, MOST_SEEDS + 1), lambda n: self._suffices(seeds=n, baseline=n)
        )
        if baseline is not None:
            seeds = _fewest(lambda n: self._suffices(seeds=n, baseline=baseline))
            yield f"more baseline seeds, and seeds({seeds}) after that: {update}={baseline}"

    def _wider_margin(self) -> Iterator[str]:
        wider = [
            f"these seeds detect a loss of {(at_least := _rounded_up(one.detectable)):g} in "
            f'{one.name!r}, so margin={at_least:g} or margin="auto"'
            for one in self.found
            if one.margin and math.isfinite(one.detectable)
        ]
        if wider and len(wider) == len(self.found):
            yield f"a wider margin in the code: {'; '.join(wider)}"

    def _higher_level(self) -> Iterator[str]:
        m = self.rules.comparisons
        suite = self.rules.alpha / self.rules.tested_share * m
        higher = [alpha for alpha in _ALPHAS if alpha > suite]
        enough = _first(higher, lambda alpha: self._suffices(alpha=alpha / m))
        if enough is not None:
            yield (
                f"a higher level for the {m} comparisons of the suite: "
                f"{self.plan.command} --mlregress-alpha={enough:g}"
            )
            return
        fewer = _first(range(m - 1, 0, -1), lambda n: self._suffices(alpha=suite / n))
        if fewer is not None:
            yield f"fewer metrics in the suite: at most {fewer} comparisons in place of {m}"


def _within(one: Shortfall, detected_sd: float) -> bool:
    return detected_sd * one.spread <= one.margin if one.margin else math.isfinite(detected_sd)


_Candidate = TypeVar("_Candidate")


def _fewest(suffices: Callable[[int], bool]) -> int | None:
    return _first(range(1, MOST_SEEDS + 1), suffices)


def _first(
    candidates: Sequence[_Candidate], suffices: Callable[[_Candidate], bool]
) -> _Candidate | None:
    """The first that suffices, given that all later ones do as well."""
    position = bisect_left(candidates, True, key=suffices)
    return candidates[position] if position < len(candidates) else None


def _rounded_up(loss: float) -> float:
    """To three digits, so that a copied value is large enough."""
    step = 10.0 ** (math.floor(math.log10(loss)) - 2)
    return math.ceil(loss / step) * step
