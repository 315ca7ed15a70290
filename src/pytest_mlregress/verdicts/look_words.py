"""What a deciding look says besides its figures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pytest_mlregress.verdicts.context import seeds_in_words
from pytest_mlregress.verdicts.verdict import MetricVerdict

if TYPE_CHECKING:
    from pytest_mlregress.statistics.early_stop import LookDecision, SequentialCheck

UNDECIDED: Final = "undecided when another metric's verdict ended the test"
"""The note of a metric that would have gone on."""

MORE_SEEDS: Final = 20
"""A number of seeds that separates some collapsed seeds from chance, at any usual level."""


def look_reasons(decision: LookDecision, check: SequentialCheck) -> Iterator[str]:
    """Why a look decided so, if its p-value of harm does not show it.

    Args:
        decision: the look.
        check: the check that it belongs to.

    Yields:
        One sentence per reason.
    """
    if decision.action == "reject" and decision.collapsed.shown(check.alpha):
        yield (
            f"{len(decision.collapsed.positions)} of {decision.n_seeds} seeds collapsed, none of "
            f"the baseline's: Fisher's exact p = {decision.collapsed.fisher_level:.2g}"
        )
    if decision.action != "inconclusive":
        return
    if math.isfinite(decision.excluded_loss):
        yield (
            f"no loss is shown, and none of the margin, {check.margin:.4g}, is excluded: the data "
            f"exclude a loss above {decision.excluded_loss:.4g}"
        )
    else:
        yield "no loss is shown, and the data exclude none, however large"


def look_notes(
    decision: LookDecision, check: SequentialCheck, metric: MetricVerdict
) -> Iterator[str]:
    """What a reader should know about the seeds that a look rests on.

    Args:
        decision: the look.
        check: the check that it belongs to.
        metric: the metric with all of its candidate values.

    Yields:
        One sentence per note.
    """
    if decision.action == "continue":
        yield UNDECIDED
    elif decision.n_seeds < check.design.looks[-1]:
        yield (
            f"stopped after {decision.n_seeds} of at most {check.design.looks[-1]} seeds: the "
            "verdict keeps its error rates, the estimates overstate what made it stop"
        )
    if decision.collapsed.only_candidate:
        yield _collapsed(decision, metric)
        if decision.action == "inconclusive" and check.design.looks[-1] < MORE_SEEDS:
            yield (
                f"seeds({MORE_SEEDS}) would tell a part of collapsed seeds from chance, and costs "
                "the same when nothing changed: it stops after 5"
            )


def _collapsed(decision: LookDecision, metric: MetricVerdict) -> str:
    """``seeds 3 and 4 collapsed: 0.6, 0.55; the baseline's worst is 0.8812``."""
    values = list(metric.candidate.items())
    found = [values[position] for position in decision.collapsed.positions]
    finite = [value for value in metric.baseline.values() if math.isfinite(value)]
    worst = min(finite) if metric.higher_is_better else max(finite)
    return (
        f"{seeds_in_words([seed for seed, _ in found])} collapsed: "
        f"{', '.join(f'{value:.4g}' for _, value in found)}; the baseline's worst is {worst:.4g}"
    )
