"""Non-finite values in a new baseline: which metrics cannot be used, and what the rest costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.context import seeds_in_words
from pytest_mlregress.verdicts.metric_samples import metric_names, values_of

LEAST_FINITE: Final = 2
"""Fewer finite values have no spread, and nothing can be compared with them."""


def without_values(ready: Sequence[SeedResult]) -> tuple[str, ...]:
    """Why metrics of these seeds cannot be a baseline, one sentence for each that cannot.

    Args:
        ready: the seeds of the new baseline.

    Returns:
        The sentences.
    """
    return tuple(_refusals(ready))


def _refusals(ready: Sequence[SeedResult]) -> Iterator[str]:
    for name in metric_names(ready):
        values = values_of(ready, name)
        finite = sum(map(math.isfinite, values.values()))
        if finite < min(LEAST_FINITE, len(values)):
            shown = ", ".join(sorted({str(v) for v in values.values() if not math.isfinite(v)}))
            kept = f"{len(values) - finite} of {len(values)} seeds"
            yield (
                f"{name} is not finite ({shown}) in {kept}: no candidate could ever be compared "
                "with such a baseline"
            )


def costs_of_failures(
    ready: Sequence[SeedResult], *, n_check: int, alpha: float
) -> tuple[str, ...]:
    """Per metric with non-finite seeds: which they are, and what they cost each check.

    Args:
        ready: the seeds of the new baseline.
        n_check: how many seeds a check runs at most.
        alpha: the level of one comparison.

    Returns:
        One sentence per metric.
    """
    notes = []
    for name in metric_names(ready):
        values = values_of(ready, name)
        if not all(map(math.isfinite, values.values())):
            notes.append(f"{name}: {_named(values)}; {_cost(values, n_check, alpha)}")
    return tuple(notes)


def _named(values: Mapping[int, float]) -> str:
    failed = [seed for seed, value in values.items() if not math.isfinite(value)]
    shown = ", ".join(str(values[seed]) for seed in failed)
    return f"{seeds_in_words(failed)} gave {shown}"


def _cost(values: Mapping[int, float], n_check: int, alpha: float) -> str:
    from pytest_mlregress.statistics.lost_power import power_with_failures

    n_failed = sum(not math.isfinite(value) for value in values.values())
    power = power_with_failures(len(values), n_failed, n_check, alpha)
    found = f"in {100 * power:.0f} % of checks instead of 90 %" if power else "in no check"
    return (
        "checks against such a baseline are judged by ranks, so that the loss that "
        f"{n_check} seeds should find is found {found}, and a non-finite seed of their own is "
        "no longer a failure by itself: find the cause, then record again"
    )
