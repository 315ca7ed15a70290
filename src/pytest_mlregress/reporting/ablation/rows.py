"""What the reports of an ablation share: rows of tables, and facts in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.effect_text import (
    deciding_effects,
    distinct_interactions,
    effect_name,
)
from pytest_mlregress.reporting.number_format import number, numbers
from pytest_mlregress.revisions.ablation.change import Change, ChangeKind
from pytest_mlregress.revisions.ablation.change_spec import BASE_NAME
from pytest_mlregress.revisions.ablation.results import Ablation, MetricEffects
from pytest_mlregress.revisions.base_commit import ABBREVIATED

if TYPE_CHECKING:
    from pytest_mlregress.statistics.factorial_results import Effect, FactorialEffects

__all__ = [
    "CELL_HEADINGS",
    "EFFECT_HEADINGS",
    "NUMERIC",
    "CellRow",
    "EffectRow",
    "cell_rows",
    "change_text",
    "design_text",
    "effect_rows",
    "intervals_text",
    "spent_text",
    "test_name",
    "title_of",
]

CELL_HEADINGS: Final = ("cell", "mean", "SD", "seeds")
EFFECT_HEADINGS: Final = ("effect", "change", "interval", "p(loss)", "")
NUMERIC: Final = frozenset({"mean", "SD", "change", "p(loss)"})
"""The headings of columns that are aligned to the right."""


@dataclass(frozen=True, slots=True)
class CellRow:
    """A combination of changes in a table.

    Attributes:
        cell: its name.
        mean: the mean of its seeds.
        sd: their standard deviation.
        seeds: their number, and how many of them failed.
    """

    cell: str
    mean: str
    sd: str
    seeds: str


@dataclass(frozen=True, slots=True)
class EffectRow:
    """An effect in a table.

    Attributes:
        effect: its name.
        change: the mean contrast with its sign, in metric units.
        interval: its interval.
        p_loss: the p-value of a loss.
        mark: ``loss``, ``safe``, ``unclear``; empty for interactions.
    """

    effect: str
    change: str
    interval: str
    p_loss: str
    mark: str


def change_text(change: Change) -> str:
    """What a change is: ``wide, 3 commits since 9b1d3aa``.

    Args:
        change: the change.

    Returns:
        The text.
    """
    start, end = change.start[:ABBREVIATED], change.end[:ABBREVIATED]
    if change.kind is ChangeKind.WORKTREE:
        return f"the uncommitted changes on {start}"
    if change.kind is ChangeKind.PATCH:
        return f"the patch {change.spec}"
    if change.kind is ChangeKind.COMMIT:
        also = "" if change.end.startswith(change.spec) else f" ({change.spec})"
        return f"the commit {end}{also} alone"
    return f"{change.spec}, {count_of(len(change.commits), 'commit')} since {start}"


def design_text(ablation: Ablation) -> str:
    """``2 changes on main (9b1d3aa): 4 cells (all of 4), at most 10 seeds each``.

    Args:
        ablation: what was found.

    Returns:
        The text.
    """
    planned = 2 ** len(ablation.changes)
    trained = sum(not cell.unavailable for cell in ablation.cells)
    of = f"{'all' if trained == planned else trained} of {planned} combinations"
    if ablation.resolution is not None:
        of += f", a fraction of resolution {ablation.resolution}"
    base = ablation.base_commit[:ABBREVIATED]
    if not ablation.base_commit.startswith(ablation.base):
        base = f"{ablation.base} ({base})"
    changes = count_of(len(ablation.changes), "change")
    seeds = count_of(len(ablation.seeds), "seed")
    return f"{changes} on {base}: {of}, at most {seeds} each"


def spent_text(ablation: Ablation) -> str:
    """What the answer took.

    Args:
        ablation: what was found.

    Returns:
        A sentence.
    """
    reused = f", {ablation.reused} from earlier runs" if ablation.reused else ""
    stop = ""
    if ablation.decided_after is not None:
        stop = (
            f"; decided after {ablation.decided_after} of "
            f"{count_of(len(ablation.seeds), 'seed')} per cell"
        )
    return f"{count_of(ablation.trained, 'seed')} trained{reused}{stop}"


def test_name(metric: MetricEffects) -> str:
    """The test, with its tier where it has several.

    Args:
        metric: a metric of the test.

    Returns:
        The text.
    """
    return metric.test + (f" ({metric.tier})" if metric.tier not in ("", "default") else "")


def title_of(metric: MetricEffects) -> str:
    """``accuracy, higher is better, margin 0.01``.

    Args:
        metric: the metric.

    Returns:
        The text.
    """
    title = f"{metric.metric}, {'higher' if metric.higher_is_better else 'lower'} is better"
    if metric.effects is None:
        return title
    margin = number(metric.effects.margin)
    if metric.effects.fixed_margin:
        return f"{title}, margin {margin}"
    return f"{title}, margin {number(metric.effects.margin, digits=2)} (what {BASE_NAME} can show)"


def intervals_text(metric: MetricEffects) -> str:
    """What the intervals cover.

    Args:
        metric: the metric.

    Returns:
        A sentence; empty without effects.
    """
    if metric.effects is None:
        return ""
    # Each end has its share of the level of one-sided tests; a look without a level has 0.05.
    share = number(100 * (1 - 2 * (metric.effects.alpha or 0.05)))
    return f"changes are within seeds; together, the intervals hold with {share} % confidence"


def cell_rows(ablation: Ablation, metric: MetricEffects) -> list[CellRow]:
    """Name, mean, SD and seeds of every cell.

    Args:
        ablation: what was found.
        metric: the metric.

    Returns:
        One row per cell, without figures for one that has none.
    """
    summaries = metric.effects.cells if metric.effects is not None else {}
    known = [summaries[cell.changes] for cell in ablation.cells if cell.changes in summaries]
    means = iter(numbers((cell.mean for cell in known), digits=4, figures=4))
    spreads = iter(numbers((cell.sd for cell in known), digits=2, figures=2))
    rows = []
    for cell in ablation.cells:
        summary = summaries.get(cell.changes)
        if summary is None:
            rows.append(CellRow(cell.name, "", "", "none"))
            continue
        failed = f" ({summary.failed} failed)" if summary.failed else ""
        rows.append(CellRow(cell.name, next(means), next(spreads), f"{summary.seeds}{failed}"))
    return rows


def effect_rows(metric: MetricEffects) -> list[EffectRow]:
    """Every effect, change by change, then interactions; no comparison twice.

    Args:
        metric: the metric.

    Returns:
        One row per effect; none without effects.
    """
    if metric.effects is None:
        return []
    effects = _distinct(metric.effects)
    losses = [
        effect
        for change in metric.effects.changes
        if change.judgement == "loses"
        for effect in deciding_effects(change)
    ]
    names = [change.change for change in metric.effects.changes]
    amounts = numbers(
        (value for effect in effects for value in (effect.mean, *effect.interval)),
        digits=3,
        signed=True,
        figures=3,
    )
    return [
        EffectRow(
            effect_name(effect, names),
            amounts[3 * index],
            f"[{amounts[3 * index + 1]}, {amounts[3 * index + 2]}]",
            _p(effect),
            _mark(effect, losses),
        )
        for index, effect in enumerate(effects)
    ]


def _distinct(found: FactorialEffects) -> list[Effect]:
    effects: list[Effect | None] = []
    for change in found.changes:
        if len(found.changes) == 1:  # alone, with the others and on average are one comparison
            effects.append(change.alone or change.main)
        else:
            effects += [change.alone, change.with_others, change.main]
    return [effect for effect in (*effects, *distinct_interactions(found)) if effect is not None]


def _p(effect: Effect) -> str:
    return "<.001" if effect.p_loss < 0.001 else number(effect.p_loss, digits=2)


def _mark(effect: Effect, losses: Sequence[Effect]) -> str:
    if effect.kind == "interaction":
        return ""
    if effect in losses:
        return "loss"
    return "safe" if effect.safe else "unclear"
