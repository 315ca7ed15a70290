"""What a run says of itself while it trains, in single lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import about, number, seconds
from pytest_mlregress.resources.need import in_bytes

if TYPE_CHECKING:
    from pytest_mlregress.verdicts.cost import RunCost

MOST_VALUES: Final = 3
"""A line of a seed has this many metrics at most."""

_DIGITS: Final = 4


def values_text(values: Mapping[str, float]) -> str:
    """Metrics in one line: ``accuracy 0.9133, loss 0.2741, ...``.

    Args:
        values: by name.

    Returns:
        The first few, in order; empty without any.
    """
    shown = [
        f"{visible(name)} {number(values[name], digits=_DIGITS)}"
        for name in list(values)[:MOST_VALUES]
    ]
    return ", ".join([*shown, *(["..."] if len(values) > MOST_VALUES else [])])


def seed_line(values: Mapping[str, float], duration: float) -> str:
    """What ``pytest -v`` says of a seed that has ended: ``SEED accuracy 0.9133 (4.1 s)``.

    Args:
        values: what it recorded, by name of the metric.
        duration: its seconds.

    Returns:
        The text.
    """
    parts = ("SEED", values_text(values), f"({seconds(duration)})")
    return " ".join(part for part in parts if part)


def cost_line(cost: RunCost) -> str:
    """What a run will take, before it starts.

    Args:
        cost: what it takes.

    Returns:
        ``costs about 3 h 20 min on 8 workers (at most 40 seeds, 9.6 GB of memory)``.
    """
    on = f" on {count_of(cost.workers, 'worker')}" if cost.workers > 1 else ""
    memory = f", {in_bytes(cost.peak_memory)} of memory" if cost.peak_memory else ""
    unknown = (
        f"; {count_of(cost.unknown, 'test')} without a recorded duration not counted"
        if cost.unknown
        else ""
    )
    return (
        f"costs about {about(cost.seconds)}{on} "
        f"(at most {count_of(cost.seeds, 'seed')}{memory}){unknown}"
    )


def progress_line(done: int, total: int | None, left: float | None) -> str:
    """How far a run is: ``12 of 40 seeds, about 3 min left``.

    Args:
        done: the number of seeds that have ended.
        total: the number of all; None where it is unknown.
        left: seconds; None where that is unknown.

    Returns:
        The text.
    """
    of = f"{done} of {count_of(total, 'seed')}" if total is not None else count_of(done, "seed")
    return f"{of}, about {about(left)} left" if left is not None else of
