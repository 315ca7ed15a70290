"""What an ablation found, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.effect_text import (
    Sense,
    aliased,
    amount,
    deciding_effects,
    distinct_interactions,
    effect_name,
    join_names,
    loss_of,
    others,
)
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

__all__ = ["Sentence", "headline", "sentences"]


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


def _mask(metric: MetricEffects, found: FactorialEffects, mask: Masking) -> Sentence:
    change = next(change for change in found.changes if change.change == mask.hidden)
    if math.isinf(mask.loss_alone) or change.alone is None:
        lost = f"{mask.hidden} fails ({_failures(found, mask.hidden)})"
    else:
        lost = f"{mask.hidden} loses {_amount(metric, change.alone)}"
    both = "+".join(name for name in _names(found) if name in (mask.hidden, *mask.by))
    together = mask.loss_together
    if together < 0:
        end = f"{both} gains {number(-together, digits=2)} over BASE"
    elif together > 0:
        end = f"{both} loses no more than {number(together, digits=2)} against BASE"
    else:
        end = f"{both} is as good as BASE"
    return Sentence(f"{lost}; together with {join_names(mask.by)} it is hidden: {end}", Colour.RED)


def _losing(metric: MetricEffects, found: FactorialEffects, change: ChangeEffects) -> Sentence:
    names = _names(found)
    shown = deciding_effects(change)[: 1 if len(names) == 1 else None]
    if any(math.isinf(effect.loss) for effect in shown):
        return Sentence(f"{change.change} fails: {_failures(found, change.change)}", Colour.RED)
    where = {"alone": " alone", "with others": f" with {others(names, change.change)}"}
    if len(names) == 1:
        parts = [_amount(metric, effect) for effect in shown]
    elif shown[0].kind == "main":
        parts = [f"{_amount(metric, shown[0])} on average over the combinations"]
    else:
        parts = [f"{_amount(metric, e)}{where[e.kind]}" for e in shown if e.kind != "main"]
    not_alone = ", and not alone" if shown[0].kind == "with others" and change.alone else ""
    text = f"{change.change} loses {' and '.join(parts)}{not_alone}"
    return Sentence(text + aliased(shown[0]), Colour.RED)


def _joint(metric: MetricEffects, loss: JointLoss) -> Sentence:
    none = "neither does alone" if len(loss.changes) == 2 else "no part of them does"
    return Sentence(
        f"{join_names(loss.changes)} lose {_amount(metric, loss)} together; {none}", Colour.RED
    )


def _amount(metric: MetricEffects, effect: Effect | JointLoss, sense: Sense = "loss") -> str:
    return amount(effect, higher_is_better=metric.higher_is_better, sense=sense)


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
    return Sentence(f"{change.change} is unclear: {reason}{aliased(widest)}", Colour.YELLOW)


def _interactions(metric: MetricEffects, found: FactorialEffects) -> Iterator[Sentence]:
    """Those whose interval excludes 0."""
    for effect in distinct_interactions(found):
        low, high = effect.interval
        if not (low > 0 or high < 0) or not math.isfinite(effect.mean):
            continue
        loss, _, _ = loss_of(effect, higher_is_better=metric.higher_is_better)
        how = "lose more" if loss > 0 else "do better"
        how_much = _amount(metric, effect, "change")
        yield Sentence(
            f"{join_names(effect.changes)} together {how} than the sum of their effects: "
            f"interaction {how_much}{aliased(effect)}",
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
    return _amount(metric, effect, "gain")


def _measured(change: ChangeEffects, names: Sequence[str]) -> list[Effect]:
    """The effects of a change that are not the same comparison twice."""
    effects = (change.alone, change.with_others, change.main)
    present = [effect for effect in effects if effect is not None]
    return present[:1] if len(names) == 1 else present


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


def _names(found: FactorialEffects) -> tuple[str, ...]:
    return tuple(change.change for change in found.changes)


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
