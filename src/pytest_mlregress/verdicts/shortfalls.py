"""What the seeds of a check cannot decide on, whatever they will show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline
from pytest_mlregress.margins import MarginLike
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.verdicts.linking import link_of
from pytest_mlregress.verdicts.looking import look_numbers
from pytest_mlregress.verdicts.rules import Rules
from pytest_mlregress.verdicts.samples import absolute_margin, margin_in_words


@dataclass(frozen=True, slots=True)
class Shortfall:
    """One metric that the seeds of a check cannot decide on.

    ``margin`` is in metric units, None for the automatic one, which falls short only where no
    p-value can reach the level; ``written`` is the margin as the code has it.  ``spread`` is the
    baseline's standard deviation, ``detectable`` the loss in metric units that the seeds find with
    90 % power, maybe infinite.  ``problem`` is the planner's sentence, with its numbers.
    """

    name: str
    margin: float | None
    written: MarginLike
    spread: float
    n_baseline: int
    detectable: float
    problem: str

    @property
    def sentence(self) -> str:
        """The problem with the metric and its margin."""
        margin = f" with margin {margin_in_words(self.written, self.margin)}" if self.margin else ""
        return f"metric {self.name!r}{margin}: {self.problem}"


def shortfalls(
    n_seeds: int, first: SeedResult, baseline: Artifact, rules: Rules
) -> tuple[Shortfall, ...]:
    """Every metric that a check of ``n_seeds`` seeds cannot decide on; margins are the ``first``
    seed's.

    That is a design whose smallest attainable p-value cannot reach alpha, and a fixed margin that
    the seeds find with a power below 80 %.
    """
    from pytest_mlregress.statistics.early_stop import SEQUENTIAL_TESTS

    if rules.test not in SEQUENTIAL_TESTS or rules.expect is not None or rules.deterministic:
        return ()  # a classical test has no smallest p-value, and its power is another
    looks = look_numbers(n_seeds, rules)
    found = (
        _shortfall(
            metric,
            baseline.metrics[metric.name],
            looks,
            rules,
            linked=link_of(metric.name, baseline, rules) is not None,
        )
        for metric in first.metrics
    )
    return tuple(shortfall for shortfall in found if shortfall is not None)


def _shortfall(
    recorded: RecordedMetric,
    stored: MetricBaseline,
    looks: Sequence[int],
    rules: Rules,
    *,
    linked: bool,
) -> Shortfall | None:
    from pytest_mlregress.statistics.affordability import (
        UnaffordableError,
        detectable_sd,
        require_affordable,
        require_attainable,
    )
    from pytest_mlregress.statistics.spread import spread_of

    margin = absolute_margin(recorded, stored.values)
    n_baseline = len(stored.values)
    try:
        spread = spread_of(tuple(stored.values.values())).sd
    except ValueError:
        return None  # too few finite values for a spread: the check itself will say so
    try:
        require_attainable(looks, n_baseline=n_baseline, alpha=rules.alpha)
        if margin and spread > 0.0 and not linked:
            require_affordable(margin / spread, looks, n_baseline=n_baseline, alpha=rules.alpha)
    except UnaffordableError as error:
        found = detectable_sd(tuple(looks), n_baseline=n_baseline, alpha=rules.alpha) * spread
        return Shortfall(
            recorded.name, margin, recorded.margin, spread, n_baseline, found, str(error)
        )
    return None
