"""What an ablation found, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import number, numbers
from pytest_mlregress.revisions.ablation.results import Ablation, MetricEffects
from pytest_mlregress.statistics.factorial_results import (
    ChangeEffects,
    Effect,
    FactorialEffects,
    JointLoss,
    Masking,
)
from pytest_mlregress.verdicts.verdict import Colour

__all__ = [
    "Sentence",
    "deciding_effects",
    "effect_name",
    "headline",
    "join_names",
    "loss_of",
    "sentences",
]

_ALIASES_SHOWN: Final = 3
_ROOM: Final = 24
"""Characters of an effect's name in a table of 80 columns."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A finding.

    Attributes:
        text: the sentence, without a full stop.
        colour: red for a loss, yellow where something is not known, green else.
    """

    text: str
    colour: Colour


def headline(ablation: Ablation) -> Sentence:
    """The answer in one line.

    Args:
        ablation: what was found.

    Returns:
        The sentence.
    """
    losing, unclear = ablation.losing, ablation.unclear
    also = f"; {join_names(unclear)} {_be(unclear)} unclear" if unclear else ""
    if losing:
        return Sentence(f"{join_names(losing)} {_lose(losing)}{also}", Colour.RED)
    if unclear:
        rest = [name for name in ablation.names if name not in unclear]
        safe = f"; {join_names(rest)} {_be(rest)} safe" if rest else ""
        return Sentence(
            f"cannot tell whether {join_names(unclear, 'or')} loses{safe}", Colour.YELLOW
        )
    return Sentence(f"{_nothing_lost(ablation.names)} more than the margin", Colour.GREEN)


def sentences(metric: MetricEffects) -> list[Sentence]:
    """What the effects on one metric mean, losses first.

    Args:
        metric: the metric.

    Returns:
        The sentences.
    """
    found = metric.effects
    problem = [Sentence(metric.problem, Colour.YELLOW)] if metric.problem else []
    if found is None:
        return problem
    masked = {mask.hidden for mask in found.masks}
    said = [
        *(_mask(metric, found, mask) for mask in found.masks),
        *(
            _losing(metric, found, change)
            for change in found.changes
            if change.judgement == "loses" and change.change not in masked
        ),
        *(_joint(metric, loss) for loss in found.joint_losses),
        *(_unclear(metric, found, c) for c in found.changes if c.judgement == "unclear"),
        *_interactions(metric, found),
        *_safe(metric, found),
    ]
    return [*said, *problem]


def effect_name(effect: Effect, names: Sequence[str]) -> str:
    """What an effect is called in a table: ``A alone``, ``A with B``, ``A on average``, ``A x B``.

    Args:
        effect: the effect.
        names: all changes, in order.

    Returns:
        The name.
    """
    if effect.kind == "interaction":
        return " x ".join(effect.changes)
    (change,) = effect.changes
    if len(names) == 1:
        return change
    if effect.kind == "alone":
        return f"{change} alone"
    if effect.kind == "main":
        return f"{change} on average"
    others = f"{change} with {_others(names, change)}"
    return others if len(others) <= _ROOM else f"{change} with the others"


def loss_of(effect: Effect, *, higher_is_better: bool) -> tuple[float, float, float]:
    """An effect as a loss: positive where the metric gets worse.

    Args:
        effect: the effect.
        higher_is_better: the direction of the metric.

    Returns:
        The loss and the ends of its interval, in metric units.
    """
    low, high = effect.interval
    if higher_is_better:
        return 0.0 - effect.mean, 0.0 - high, 0.0 - low
    return effect.mean, low, high


def deciding_effects(change: ChangeEffects) -> list[Effect]:
    """The effects for which a change is said to lose: alone, with the others, on average.

    Args:
        change: the change.

    Returns:
        The shown losses that the margin does not excuse; where it excuses all, all that are shown.
    """
    effects = (change.alone, change.with_others, change.main)
    shown = [effect for effect in effects if effect is not None and effect.loss_shown]
    return [effect for effect in shown if not effect.safe] or shown


def join_names(names: Sequence[str], word: str = "and") -> str:
    """``A``, ``A and B``, ``A, B and C``.

    Args:
        names: the names.
        word: what stands before the last one.

    Returns:
        The text.
    """
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def _mask(metric: MetricEffects, found: FactorialEffects, mask: Masking) -> Sentence:
    change = _change(found, mask.hidden)
    loss = (
        _amount(metric, change.alone)
        if change.alone is not None
        else number(mask.loss_alone, digits=2)
    )
    both = "+".join(name for name in _names(found) if name in (mask.hidden, *mask.by))
    together = mask.loss_together
    if together < 0:
        end = f"{both} gains {number(-together, digits=2)} over BASE"
    elif together > 0:
        end = f"{both} loses no more than {number(together, digits=2)} against BASE"
    else:
        end = f"{both} is as good as BASE"
    return Sentence(
        f"{mask.hidden} loses {loss}; together with {join_names(mask.by)} it is hidden: {end}",
        Colour.RED,
    )


def _losing(metric: MetricEffects, found: FactorialEffects, change: ChangeEffects) -> Sentence:
    names = _names(found)
    shown = deciding_effects(change)[: 1 if len(names) == 1 else None]
    failing = next((effect for effect in shown if math.isinf(effect.loss)), None)
    if failing is not None:
        return Sentence(f"{change.change} fails: {_failures(found, change.change)}", Colour.RED)
    where = {"alone": " alone", "with others": f" with {_others(names, change.change)}"}
    if len(names) == 1:
        parts = [_amount(metric, effect) for effect in shown]
    elif shown[0].kind == "main":
        parts = [f"{_amount(metric, shown[0])} on average over the combinations"]
    else:
        parts = [f"{_amount(metric, e)}{where[e.kind]}" for e in shown if e.kind != "main"]
    not_alone = ", and not alone" if shown[0].kind == "with others" and change.alone else ""
    text = f"{change.change} loses {' and '.join(parts)}{not_alone}"
    return Sentence(text + _aliased(shown[0]), Colour.RED)


def _joint(metric: MetricEffects, loss: JointLoss) -> Sentence:
    amount = _written(metric, -loss.loss if metric.higher_is_better else loss.loss, loss.interval)
    none = "neither does alone" if len(loss.changes) == 2 else "no part of them does"
    return Sentence(f"{join_names(loss.changes)} lose {amount} together; {none}", Colour.RED)


def _unclear(metric: MetricEffects, found: FactorialEffects, change: ChangeEffects) -> Sentence:
    effects = [effect for effect in _measured(change, _names(found)) if not effect.safe]
    if not effects:
        return Sentence(
            f"{change.change} is unclear: no two cells show what it does", Colour.YELLOW
        )
    widest = max(effects, key=lambda effect: effect.loss)
    loss, _, most = loss_of(widest, higher_is_better=metric.higher_is_better)
    where = "" if len(found.changes) == 1 else f" ({effect_name(widest, _names(found))})"
    if not math.isfinite(found.margin):
        reason = "the seeds of BASE do not tell which loss matters; give --margin"
    elif math.isfinite(most):
        losses, mosts, margin = numbers((loss, most, found.margin), digits=2, rounding=True)
        reason = (
            f"it may lose up to {mosts}{where}, and the margin is {margin}"
            if loss <= 0
            else f"a loss of {losses}{where} may be noise or as much as {mosts}; margin {margin}"
        )
    else:
        verb = "excludes" if widest.seeds == 1 else "exclude"
        reason = f"{count_of(widest.seeds, 'seed')} {verb} no loss{where}"
    return Sentence(f"{change.change} is unclear: {reason}{_aliased(widest)}", Colour.YELLOW)


def _interactions(metric: MetricEffects, found: FactorialEffects) -> Iterator[Sentence]:
    """Those whose interval excludes 0."""
    for effect in found.interactions:
        low, high = effect.interval
        if not (low > 0 or high < 0) or not math.isfinite(effect.mean):
            continue
        loss, _, _ = loss_of(effect, higher_is_better=metric.higher_is_better)
        how = "lose more" if loss > 0 else "do better"
        amount = _written(metric, effect.mean, effect.interval, as_loss=False)
        yield Sentence(
            f"{join_names(effect.changes)} together {how} than the sum of their effects: "
            f"interaction {amount}{_aliased(effect)}",
            Colour.YELLOW if loss > 0 else Colour.GREEN,
        )


def _safe(metric: MetricEffects, found: FactorialEffects) -> Iterator[Sentence]:
    losing = set(found.losing)
    without_effect = [name for name in _names(found) if _changes_nothing(metric, name)]
    for name in without_effect:
        yield Sentence(
            f"{name} changes nothing: every seed is the same with and without it, bit for bit",
            Colour.GREEN,
        )
    safe = [c for c in found.changes if c.judgement == "safe" and c.change not in losing]
    gains = {change.change: gain for change in safe if (gain := _gain(metric, change))}
    for name, gain in gains.items():
        yield Sentence(f"{name} gains {gain}", Colour.GREEN)
    names = [
        change.change
        for change in safe
        if change.change not in gains and change.change not in without_effect
    ]
    margin = number(found.margin)
    if len(names) == len(found.changes):
        yield Sentence(f"{_nothing_lost(names)} more than {margin}", Colour.GREEN)
    elif names:
        yield Sentence(
            f"{join_names(names)} {_be(names)} safe: a loss of {margin} is excluded", Colour.GREEN
        )


def _changes_nothing(metric: MetricEffects, name: str) -> bool:
    """Whether no value of any cell depends on a change."""
    pairs = [
        (metric.values[cell], metric.values[cell | {name}])
        for cell in metric.values
        if name not in cell and cell | {name} in metric.values
    ]
    return bool(pairs) and all(without == with_it for without, with_it in pairs)


def _gain(metric: MetricEffects, change: ChangeEffects) -> str:
    """What a change gains by itself, where that is no chance."""
    effect = change.alone or change.with_others or change.main
    if effect is None:
        return ""
    _, _, most = loss_of(effect, higher_is_better=metric.higher_is_better)
    if not (most < 0 and math.isfinite(effect.mean)):
        return ""
    return _written(metric, effect.mean, effect.interval, as_loss=False, as_gain=True)


def _measured(change: ChangeEffects, names: Sequence[str]) -> list[Effect]:
    """The effects of a change that are not the same comparison twice."""
    effects = (change.alone, change.with_others, change.main)
    present = [effect for effect in effects if effect is not None]
    return present[:1] if len(names) == 1 else present


def _amount(metric: MetricEffects, effect: Effect) -> str:
    if not math.isfinite(effect.mean):
        return "every seed" if math.isinf(effect.loss) else "an unknown amount"
    return _written(metric, effect.mean, effect.interval)


def _written(
    metric: MetricEffects,
    mean: float,
    interval: tuple[float, float],
    *,
    as_loss: bool = True,
    as_gain: bool = False,
) -> str:
    """``0.0080 [0.0037, 0.0123]``: a loss or gain as an amount, or a change with its sign."""
    low, high = interval
    if (as_loss and metric.higher_is_better) or (as_gain and not metric.higher_is_better):
        mean, low, high = -mean, -high, -low
    signed = not (as_loss or as_gain)
    value, first, last = numbers((mean, low, high), digits=2, signed=signed, rounding=True)
    return f"{value} [{first}, {last}]"


def _failures(found: FactorialEffects, change: str) -> str:
    """How many seeds of the cells with a change have no value, against those without it."""
    counts = {True: [0, 0], False: [0, 0]}
    for members, cell in found.cells.items():
        counts[change in members][0] += cell.failed
        counts[change in members][1] += cell.seeds
    (failed, seeds), (before, base_seeds) = counts[True], counts[False]
    return (
        f"{failed} of {count_of(seeds, 'seed')} with it have no finite value, "
        f"{before} of {base_seeds} without it"
    )


def _aliased(effect: Effect) -> str:
    """What a fractional design cannot tell from an effect."""
    if not effect.aliases:
        return ""
    names = [" x ".join(alias) for alias in effect.aliases[:_ALIASES_SHOWN]]
    more = len(effect.aliases) - len(names)
    rest = f" or {more} more" if more else ""
    return f" (or {' or '.join(names)}{rest}: this design cannot tell)"


def _change(found: FactorialEffects, name: str) -> ChangeEffects:
    return next(change for change in found.changes if change.change == name)


def _names(found: FactorialEffects) -> tuple[str, ...]:
    return tuple(change.change for change in found.changes)


def _others(names: Sequence[str], name: str) -> str:
    return "+".join(other for other in names if other != name)


def _nothing_lost(names: Sequence[str]) -> str:
    """The subject and verb of a sentence in which nothing is lost."""
    if len(names) == 1:
        return f"{names[0]} does not lose"
    if len(names) == 2:
        return f"neither {names[0]} nor {names[1]} loses"
    return f"none of {join_names(names)} loses"


def _be(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _lose(names: Sequence[str]) -> str:
    return "loses" if len(names) == 1 else "lose"
