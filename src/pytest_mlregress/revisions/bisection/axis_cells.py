"""Which axis lost: every combination of the moved axes, with the same seeds in all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.revisions.ablation.cell_effects import as_one_seed, repeated
from pytest_mlregress.revisions.bisection.axis_rules import Axis
from pytest_mlregress.revisions.bisection.metric_choice import PASSING, SearchedMetric
from pytest_mlregress.revisions.bisection.missing_numbers import why_no_number
from pytest_mlregress.revisions.bisection.state_seed import StateSeed, StateTrainer
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.statistics.factorial import factorial_effects
from pytest_mlregress.statistics.factorial_designs import CellKey, full_design
from pytest_mlregress.statistics.factorial_looks import factorial_looks
from pytest_mlregress.statistics.factorial_results import FactorialEffects

__all__ = ["AxisFinding", "cell_label", "search_axes"]

_MOST_OF_A_LOSS: Final = 0.5


@dataclass(frozen=True, slots=True)
class AxisFinding:
    """What the combinations show.

    Attributes:
        axes: the axes that moved, in order.
        effects: the effects of the axes; None where fewer than the first look's seeds were trained.
        losing: the axes that lose alone, or only together, the largest loss first.
        held_at_bad: whether most of the loss is there only with the other axes at the bad end.
        seeds: the seeds per combination.
    """

    axes: tuple[Axis, ...]
    effects: FactorialEffects | None
    losing: tuple[Axis, ...]
    held_at_bad: bool
    seeds: int


def cell_label(axes: Iterable[Axis], cell: CellKey) -> str:
    """A combination in a few words.

    Args:
        axes: the axes that moved.
        cell: those that are at the bad end.

    Returns:
        ``good``, or the axes joined by ``+``.
    """
    return "+".join(axis for axis in axes if axis in cell) or "good"


def search_axes(
    axes: Sequence[Axis],
    commits: Mapping[CellKey, str],
    trainer: StateTrainer,
    metric: SearchedMetric,
    *,
    seeds: Sequence[int],
    budget: int,
    deterministic: bool = False,
    on_look: Callable[[FactorialEffects], None] = lambda _: None,
) -> AxisFinding:
    """Train all combinations until an axis is seen to lose, or none does.

    Args:
        axes: the axes that moved, 2 to 4.
        commits: the commit of each combination.
        trainer: trains seeds at commits.
        metric: what is compared.
        seeds: the seeds of the test, in their order.
        budget: the most trainings.
        deterministic: whether the test ignores the seed: one training a combination says all.
        on_look: told after each look.

    Returns:
        What was found.

    Raises:
        CommandError: a combination cannot be run.
    """
    cells = full_design(axes)
    most = min(len(seeds), budget // len(cells))
    effects, trained = None, 0
    values: dict[CellKey, dict[int, float]] = {cell: {} for cell in cells}
    if deterministic:
        most = 0
        _train(cells, commits, axes, trainer, metric, seeds[:1], values)
        trained = 1
        effects = as_one_seed(
            factorial_effects(
                repeated(values), higher_is_better=True, margin=metric.margin, changes=axes
            )
        )
    looks = factorial_looks(len(axes), most_seeds=most) if most >= 2 else ()
    for look in looks:
        new = seeds[trained : look.seeds]
        _train(cells, commits, axes, trainer, metric, new, values)
        trained = look.seeds
        effects = factorial_effects(
            values,
            higher_is_better=True,  # the values are oriented
            margin=metric.margin,
            changes=axes,
            look=look,
            most_seeds=most,
        )
        on_look(effects)
        if effects.losing or effects.joint_losses or effects.decided:
            break
    losing = () if effects is None else _losing(effects, axes)
    return AxisFinding(
        axes=tuple(axes),
        effects=effects,
        losing=losing,
        held_at_bad=effects is not None and _needs_the_others(effects, losing),
        seeds=trained,
    )


def _train(
    cells: Sequence[CellKey],
    commits: Mapping[CellKey, str],
    axes: Sequence[Axis],
    trainer: StateTrainer,
    metric: SearchedMetric,
    seeds: Sequence[int],
    values: Mapping[CellKey, dict[int, float]],
) -> None:
    requests = [(cell, seed) for seed in seeds for cell in cells]
    trained = trainer.train([(commits[cell], seed) for cell, seed in requests])
    for (cell, seed), own in zip(requests, trained, strict=True):
        values[cell][seed] = _value(own, cell_label(axes, cell), metric)
    for cell in cells:
        _refuse_without_number(
            [own for (of, _), own in zip(requests, trained, strict=True) if of == cell],
            values[cell].values(),
            cell_label(axes, cell),
            metric,
        )


def _value(seed: StateSeed, label: str, metric: SearchedMetric) -> float:
    if seed.result is None:
        raise CommandError(
            f"the combination {label} cannot be run ({seed.unavailable}), so that its axes cannot "
            "be told apart; search without --axes"
        )
    return metric.value(seed.result)


def _refuse_without_number(
    trained: Sequence[StateSeed], values: Iterable[float], label: str, metric: SearchedMetric
) -> None:
    """A difference to a combination of which no seed gives a number measures nothing."""
    if metric.name == PASSING or any(map(math.isfinite, values)):
        return
    reason = why_no_number(metric.name, [own.result for own in trained if own.result is not None])
    raise CommandError(
        f"the combination {label} cannot be measured ({reason}), so that its axes cannot be told "
        "apart; search without --axes"
    )


def _losing(effects: FactorialEffects, axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """The axes that lose, the largest loss first."""
    losses = {
        own.change: max(
            effect.loss for effect in (own.alone, own.with_others, own.main) if effect is not None
        )
        for own in effects.changes
    }
    named: list[Axis] = [axis for axis in axes if axis in effects.losing]
    return tuple(sorted(named, key=lambda axis: -losses[axis]))


def _needs_the_others(effects: FactorialEffects, losing: Sequence[Axis]) -> bool:
    """Whether most of the first axis' loss is there only with the other axes at the bad end."""
    for own in effects.changes:
        if own.change in losing[:1] and own.alone is not None and own.with_others is not None:
            return own.alone.loss < _MOST_OF_A_LOSS * own.with_others.loss
    return False
