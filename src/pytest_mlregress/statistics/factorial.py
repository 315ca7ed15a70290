"""The effects of several changes, each alone and together with the others.

All cells train the same seeds, and every effect is a contrast within seeds: what seeds have in
common cancels. A loss is tested by sign flips of the contrasts (`factorial_contrasts`), and all
losses of an ablation together keep one level by Holm's procedure (Holm 1979, Scand. J. Stat. 6,
65). Combinations are told from single changes, since a change may lose only together with another,
or hide what the other one loses.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from pytest_mlregress.statistics.acceptance import SAFETY_LEVEL
from pytest_mlregress.statistics.factorial_combinations import (
    combinations_that_may_lose,
    joint_losses,
    masks,
)
from pytest_mlregress.statistics.factorial_contrasts import (
    CellValues,
    Contrast,
    Experiment,
    Weights,
    balanced,
    interactions,
    one_step,
)
from pytest_mlregress.statistics.factorial_designs import BASE, CellKey
from pytest_mlregress.statistics.factorial_looks import FactorialLook
from pytest_mlregress.statistics.factorial_results import (
    CellSummary,
    ChangeEffects,
    Effect,
    EffectKind,
    FactorialEffects,
    Judgement,
)
from pytest_mlregress.statistics.live_pairs import NO_SIGN_OF_HARM, detectable_sd
from pytest_mlregress.statistics.pair_spread import spread_of_base
from pytest_mlregress.statistics.samples import FloatArray, mean, sd

# Aliases are effects of at most so many changes.
_MOST_TOGETHER: Final = 3


def factorial_effects(
    values: Mapping[CellKey, Mapping[int, float]],
    *,
    higher_is_better: bool,
    margin: float | None,
    alpha: float = 0.05,
    changes: Sequence[str] | None = None,
    look: FactorialLook | None = None,
    most_seeds: int | None = None,
) -> FactorialEffects:
    """All effects that the cells show.

    Cells may be missing, as in a fraction or where changes conflict: effects that need them are
    left out, or are confounded as their `aliases` say.

    Args:
        values: the metric of each cell by seed, as recorded, in metric units. A failed seed is NaN
            or infinite, and counts as the worst value. BASE is the empty set.
        higher_is_better: the metric's direction.
        margin: the smallest loss that matters, in metric units; None: the loss that `most_seeds`
            show with 90 % power, from the seeds of BASE, as in an A/B run.
        alpha: the level of all losses together, without a look.
        changes: the order of the changes; by name if not given.
        look: the look, if there are several: its levels, in place of `alpha`.
        most_seeds: the seeds per cell of the last look; those of BASE if not given.

    Returns:
        The effects.

    Raises:
        ValueError: no BASE, a cell without a change or seeds, an unknown change, a bad level or
            margin.
    """
    names = _checked(values, changes, alpha, margin)
    seeds = max(map(len, values.values()))
    level = look or FactorialLook(seeds, alpha, SAFETY_LEVEL, last=True)
    cells = Experiment(values, names, 1.0 if higher_is_better else -1.0, level)
    return _Analysis(cells, margin).effects(most_seeds or seeds)


def _checked(
    values: CellValues, changes: Sequence[str] | None, alpha: float, margin: float | None
) -> tuple[str, ...]:
    """The changes in order, after a look at the arguments."""
    if BASE not in values:
        raise ValueError("values has no cell for BASE, the empty set of changes")
    found = frozenset().union(*values)
    names = tuple(sorted(found)) if changes is None else tuple(changes)
    if not found:
        raise ValueError("values has no cell with a change")
    if unknown := sorted(found - set(names)):
        raise ValueError(f"values has the change {unknown[0]!r}, which is none of {list(names)}")
    for cell, of_cell in values.items():
        if not of_cell:
            raise ValueError(f"the cell {'+'.join(sorted(cell)) or 'BASE'} has no seed")
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha={alpha!r} is not a probability; allowed is 0 < alpha < 1")
    if margin is not None and not 0.0 < margin < math.inf:
        raise ValueError(f"margin is {margin!r}; allowed is a finite number above 0, or None")
    return tuple(name for name in names if name in found)


@dataclass(frozen=True, slots=True)
class _Raw:
    """An effect before the family is judged."""

    kind: EffectKind
    changes: tuple[str, ...]
    contrast: Contrast
    p_loss: float
    aliases: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class _Analysis:
    """The cells and the levels at which they are judged."""

    cells: Experiment
    given_margin: float | None

    @property
    def values(self) -> CellValues:
        """The cells' values."""
        return self.cells.values

    @property
    def names(self) -> tuple[str, ...]:
        """The changes."""
        return self.cells.names

    @property
    def look(self) -> FactorialLook:
        """The levels."""
        return self.cells.look

    def effects(self, most_seeds: int) -> FactorialEffects:
        """All of them."""
        raw = [self._raw(*effect) for effect in self._single_effects()]
        crossed = [self._raw(*effect) for effect in self._interactions()]
        joint = combinations_that_may_lose(self.cells)
        family = len(raw) + len(joint)
        margin = self._margin(most_seeds, family)
        p_values = [effect.p_loss for effect in raw] + [loss.p_loss for loss in joint]
        shown = _holm(p_values, self.look.alpha)
        tail = min(self.look.alpha / family, 0.5) if self.look.alpha > 0.0 else 0.05 / family
        judged = [
            self._effect(found, margin, tail, loss_shown=is_shown)
            for found, is_shown in zip(raw, shown, strict=False)
        ]
        changes = tuple(
            self._change(name, [effect for effect in judged if effect.changes == (name,)])
            for name in self.names
        )
        shown_together = [
            found for found, is_shown in zip(joint, shown[len(raw) :], strict=True) if is_shown
        ]
        judged_together = [
            self._of_a_shown_loss(found.contrast.loss, self._p_safe(found.contrast, margin))
            for found in shown_together
        ]
        losses = [
            found
            for found, judgement in zip(shown_together, judged_together, strict=True)
            if judgement == "loses"
        ]
        losing_alone = {
            change.change: change.alone.loss
            for change in changes
            if change.alone is not None and self._loses(change.alone)
        }
        return FactorialEffects(
            changes=changes,
            interactions=tuple(
                self._effect(found, margin, tail, loss_shown=found.p_loss <= tail)
                for found in crossed
            ),
            masks=masks(self.cells, losing_alone),
            joint_losses=joint_losses(self.cells, losses, losing_alone, tail),
            cells={cell: _summary(of_cell) for cell, of_cell in self.values.items()},
            margin=margin,
            fixed_margin=self.given_margin is not None,
            alpha=self.look.alpha,
            decided=all(map(self._is_decided, changes))
            and (self.given_margin is None or "unclear" not in judged_together),
        )

    def _raw(
        self,
        kind: EffectKind,
        changes: tuple[str, ...],
        weights: Weights,
        aliases: tuple[tuple[str, ...], ...] = (),
    ) -> _Raw:
        contrast = self.cells.contrast(weights)
        return _Raw(kind, changes, contrast, contrast.p_loss(last=self.look.last), aliases)

    def _single_effects(
        self,
    ) -> list[tuple[EffectKind, tuple[str, ...], Weights, tuple[tuple[str, ...], ...]]]:
        """Alone, with the others and on average, of those whose cells there are."""
        cells, everything = self.values, frozenset(self.names)
        found: list[tuple[EffectKind, tuple[str, ...], Weights, tuple[tuple[str, ...], ...]]] = []
        for name in self.names:
            without = everything - {name}
            if frozenset({name}) in cells:
                found.append(("alone", (name,), Weights.difference(frozenset({name}), BASE), ()))
            if without and everything in cells and without in cells:
                found.append(("with others", (name,), Weights.difference(everything, without), ()))
            pairs = one_step(name, cells)
            if len(pairs) > 1:
                found.append(("main", (name,), Weights.mean_of(pairs), ()))
            elif not pairs and (weights := balanced((name,), cells)) is not None:
                found.append(("main", (name,), weights, self._aliases((name,))))
        return found

    def _interactions(
        self,
    ) -> list[tuple[EffectKind, tuple[str, ...], Weights, tuple[tuple[str, ...], ...]]]:
        found: list[tuple[EffectKind, tuple[str, ...], Weights, tuple[tuple[str, ...], ...]]] = []
        for n in range(2, len(self.names) + 1):
            for chosen in combinations(self.names, n):
                settings = interactions(chosen, self.values)
                if settings:
                    found.append(("interaction", chosen, Weights.mean_of(settings), ()))
                elif n == 2 and self._is_fraction:
                    weights = balanced(chosen, self.values)
                    if weights is not None:
                        found.append(("interaction", chosen, weights, self._aliases(chosen)))
        return found

    @property
    def _is_fraction(self) -> bool:
        """Whether effects of up to two changes are either the same contrast or orthogonal."""
        effects = [chosen for n in range(3) for chosen in combinations(self.names, n)]
        signs = np.stack([self._signs(chosen) for chosen in effects])
        products = np.abs(signs @ signs.T)
        return bool(np.isin(products, (0.0, float(len(self.values)))).all())

    def _aliases(self, changes: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """Effects of up to three changes with the same contrast, up to its sign."""
        own = self._signs(changes)
        return tuple(
            other
            for n in range(1, _MOST_TOGETHER + 1)
            for other in combinations(self.names, n)
            if other != changes and abs(int(own @ self._signs(other))) == own.size
        )

    def _signs(self, changes: tuple[str, ...]) -> FloatArray:
        return np.array([(-1.0) ** len(set(changes) - cell) for cell in self.values])

    def _margin(self, most_seeds: int, family: int) -> float:
        """The given margin, or what the last look shows of the spread of BASE."""
        if self.given_margin is not None:
            return self.given_margin
        base = np.array(list(self.values[BASE].values()), dtype=np.float64)
        finite = base[np.isfinite(base)]
        spread = spread_of_base(finite) if finite.size else None
        level = (self.look.alpha or 0.05) / family
        if spread is None:
            return math.inf
        return spread * detectable_sd(most_seeds, level, df_of_spread=finite.size - 1)

    def _effect(self, raw: _Raw, margin: float, tail: float, *, loss_shown: bool) -> Effect:
        contrast = raw.contrast
        p_safe = self._p_safe(contrast, margin)
        return Effect(
            kind=raw.kind,
            changes=raw.changes,
            mean=-self.cells.sign * contrast.loss,
            interval=self.cells.as_recorded(contrast.interval(tail)),
            loss=contrast.loss,
            p_loss=raw.p_loss,
            p_safe=p_safe,
            seeds=contrast.n,
            loss_shown=loss_shown,
            safe=self._is_safe(p_safe, raw.p_loss, loss_shown=loss_shown),
            aliases=raw.aliases,
        )

    def _p_safe(self, contrast: Contrast, margin: float) -> float:
        return contrast.p_safe(margin, last=self.look.last)

    def _is_safe(self, p_safe: float, p_loss: float, *, loss_shown: bool) -> bool:
        """Whether a loss of the margin is excluded: one that is below a given margin may be shown.

        What the seeds of BASE make of the margin changes from look to look. So an early look
        excludes a loss of it only where nothing points to one.
        """
        if self.given_margin is None:
            early = not self.look.last and p_loss <= NO_SIGN_OF_HARM
            if loss_shown or early:
                return False
        return p_safe <= self.look.safety

    def _change(self, name: str, found: list[Effect]) -> ChangeEffects:
        by_kind = {effect.kind: effect for effect in found}
        return ChangeEffects(
            change=name,
            alone=by_kind.get("alone"),
            with_others=by_kind.get("with others"),
            main=by_kind.get("main"),
            judgement=self._judgement(found),
        )

    def _judgement(self, found: list[Effect]) -> Judgement:
        if any(map(self._loses, found)):
            return "loses"
        direct = [effect for effect in found if effect.kind != "main"] or found
        return "safe" if direct and all(effect.safe for effect in direct) else "unclear"

    def _loses(self, effect: Effect) -> bool:
        return effect.loss_shown and self._of_a_shown_loss(effect.loss, effect.p_safe) == "loses"

    def _of_a_shown_loss(self, loss: float, p_safe: float) -> Judgement:
        """What a shown loss means, as for live pairs.

        One below a given margin is safe, and while the seeds place it neither below nor above, an
        early look goes on. With an automatic margin it matters from the standard error of a cell's
        mean on.
        """
        if self.given_margin is None:
            base = np.array(list(self.values[BASE].values()), dtype=np.float64)
            spread = spread_of_base(base)
            matters = spread is None or loss >= spread / math.sqrt(base.size)
            return "loses" if matters else "unclear"
        if p_safe <= self.look.safety:
            return "safe"
        return "loses" if self.look.last or loss >= self.given_margin else "unclear"

    def _is_decided(self, change: ChangeEffects) -> bool:
        """Whether it is known how the change does alone and with the others."""
        direct = [effect for effect in (change.alone, change.with_others) if effect is not None]
        if not direct:
            return change.judgement != "unclear"
        if self.given_margin is not None:
            return all(effect.safe or self._loses(effect) for effect in direct)
        return all(effect.loss_shown or effect.safe for effect in direct)


def _holm(p_values: list[float], alpha: float) -> list[bool]:
    """Which hypotheses Holm's step-down procedure rejects."""
    rejected = [False] * len(p_values)
    for step, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[index] > alpha / (len(p_values) - step):
            break
        rejected[index] = alpha > 0.0
    return rejected


def _summary(of_cell: Mapping[int, float]) -> CellSummary:
    values = np.array(list(of_cell.values()), dtype=np.float64)
    finite = values[np.isfinite(values)]
    return CellSummary(
        mean(finite) if finite.size else math.nan,
        sd(finite) if finite.size else math.nan,
        int(values.size),
        int(values.size - finite.size),
    )
