"""Effects in words: their names, amounts with intervals, and what they are confounded with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from pytest_mlregress.reporting.number_format import numbers
from pytest_mlregress.statistics.factorial_results import (
    ChangeEffects,
    Effect,
    FactorialEffects,
    JointLoss,
)

__all__ = [
    "aliased",
    "amount",
    "deciding_effects",
    "distinct_interactions",
    "effect_name",
    "join_names",
    "loss_of",
    "others",
]

Sense: TypeAlias = Literal["loss", "gain", "change"]

_ALIASES_SHOWN: Final = 3
_ROOM: Final = 24
"""Characters of an effect's name in a table of 80 columns."""


def effect_name(effect: Effect, names: Sequence[str]) -> str:
    """What an effect is called in a table: ``A alone``, ``A with B``, ``A on average``, ``A x B``.

    Args:
        effect: the effect.
        names: all changes, in order.

    Returns:
        The name.
    """
    if effect.kind == "interaction":
        of_two = [alias for alias in effect.aliases if len(alias) == len(effect.changes)]
        return " = ".join(" x ".join(changes) for changes in (effect.changes, *of_two))
    (change,) = effect.changes
    if len(names) == 1:
        return change
    if effect.kind == "alone":
        return f"{change} alone"
    if effect.kind == "main":
        return f"{change} on average"
    text = f"{change} with {others(names, change)}"
    return text if len(text) <= _ROOM else f"{change} with the others"


def distinct_interactions(found: FactorialEffects) -> list[Effect]:
    """The interactions, each contrast once: those that a fraction cannot tell apart are one.

    Args:
        found: all effects.

    Returns:
        The interactions, in order.
    """
    kept: list[Effect] = []
    for effect in found.interactions:
        if not any(effect.changes in earlier.aliases for earlier in kept):
            kept.append(effect)
    return kept


def others(names: Sequence[str], name: str) -> str:
    """All changes but one, joined by ``+``.

    Args:
        names: all changes, in order.
        name: the one.

    Returns:
        The text.
    """
    return "+".join(other for other in names if other != name)


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


def amount(effect: Effect | JointLoss, *, higher_is_better: bool, sense: Sense = "loss") -> str:
    """``0.0080 [0.0037, 0.0123]``: how much is lost or gained, or a change with its sign.

    Args:
        effect: the effect.
        higher_is_better: the direction of the metric.
        sense: what a positive number is to be; ``"change"`` leaves the metric's own sign.

    Returns:
        The text.
    """
    low, high = effect.interval
    if isinstance(effect, JointLoss):
        mean = -effect.loss if higher_is_better else effect.loss
    else:
        mean = effect.mean
    if sense != "change" and higher_is_better == (sense == "loss"):
        mean, low, high = -mean, -high, -low
    value, first, last = numbers((mean, low, high), digits=2, signed=sense == "change", figures=3)
    return f"{value} [{first}, {last}]"


def aliased(effect: Effect) -> str:
    """What a fractional design cannot tell from an effect, as the end of a sentence.

    Args:
        effect: the effect.

    Returns:
        The text; empty where the effect is free of others.
    """
    if not effect.aliases:
        return ""
    names = [" x ".join(alias) for alias in effect.aliases[:_ALIASES_SHOWN]]
    more = len(effect.aliases) - len(names)
    rest = f" or {more} more" if more else ""
    return f" (or {' or '.join(names)}{rest}: this design cannot tell)"


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
