"""Why the seeds of a state give no number to search by."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.text_layout import one_line
from pytest_mlregress.running.result import SeedResult

__all__ = ["is_settled", "why_no_number", "why_seeds_fail"]

_MOST_OF_A_MESSAGE: Final = 120

_WHERE: Final = re.compile(r"\s*\([^()]*[/\\][^()]*:\d+\)?$")
"""The place in a checkout that is gone by the time the message is read."""


def is_settled(metric: str, results: Sequence[SeedResult]) -> bool:
    """Whether further seeds would give no number either.

    Args:
        metric: its name.
        results: of the seeds of one state.

    Returns:
        Whether a seed passed that does not record the metric: that is a matter of the code.
    """
    return any(own.outcome == "finished" and own.metric(metric) is None for own in results)


def why_no_number(metric: str, results: Sequence[SeedResult]) -> str:
    """Why a state without a finite number of a metric has none.

    Args:
        metric: its name.
        results: of the seeds of one state, at least one.

    Returns:
        A clause.
    """
    if is_settled(metric, results):
        return f"it does not record {metric}"
    if all(own.outcome != "finished" for own in results):
        return why_seeds_fail(results)
    values = [found.value for own in results if (found := own.metric(metric)) is not None]
    known = ", ".join(dict.fromkeys(str(value) for value in values if not math.isfinite(value)))
    return f"none of {count_of(len(results), 'seed')} gives a finite {metric} ({known})"


def why_seeds_fail(results: Sequence[SeedResult]) -> str:
    """That all seeds of a state fail, and how.

    Args:
        results: of the seeds, at least one.

    Returns:
        A clause.
    """
    message = next((own.message for own in results if own.message), "").strip()
    first = _WHERE.sub("", message.partition("\n")[0])
    reason = one_line(first)[:_MOST_OF_A_MESSAGE]
    who = f"all {len(results)} seeds fail" if len(results) > 1 else "its seed fails"
    return f"{who} ({reason})" if reason else who
