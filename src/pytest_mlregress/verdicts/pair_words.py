"""What a look at live pairs says besides its figures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pytest_mlregress.verdicts.context import seeds_in_words
from pytest_mlregress.verdicts.look_words import UNDECIDED
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import MetricVerdict

if TYPE_CHECKING:
    from pytest_mlregress.statistics.live_pairs import LivePairCheck, PairLook


def pair_reasons(look: PairLook, rules: Rules) -> Iterator[str]:
    """Why a look decided so, if its p-value of harm does not show it.

    Args:
        look: the look.
        rules: how the test is judged.

    Yields:
        One sentence per reason.
    """
    if look.action == "reject" and math.isfinite(look.estimated_loss):
        yield f"lost {look.estimated_loss:.3g} against {base_name(rules)}"
        if look.estimated_loss < look.margin and not look.fixed_margin:
            yield (
                "a loss above the standard error of a side, "
                f"{look.error_of_side:.2g}; declare a margin to accept it"
            )
    if look.action == "reject" and look.collapsed.shown(look.comparison.alpha) and look.last:
        yield (
            f"{len(look.collapsed.positions)} of {look.n_pairs} seeds collapsed, none of the "
            f"base's: Fisher's exact p = {look.collapsed.fisher_level:.2g}"
        )
    if look.action != "inconclusive":
        return
    if look.collapse_forbids:
        yield (
            f"{len(look.collapsed.positions)} of {look.n_pairs} seeds collapsed, none of the "
            "base's: too few to show a loss, and no pass; declare a margin to judge the mean alone"
        )
        return
    if math.isfinite(look.excluded_loss):
        yield (
            f"the pairs neither show a loss against {base_name(rules)} nor exclude one of the "
            f"margin ({look.margin:.4g}): they exclude a loss above {look.excluded_loss:.4g}"
        )
    else:
        yield (
            f"the pairs neither show a loss against {base_name(rules)} nor exclude one, however "
            "large"
        )


def pair_notes(
    look: PairLook, check: LivePairCheck, metric: MetricVerdict, rules: Rules
) -> Iterator[str]:
    """What a reader should know about the pairs that a look rests on.

    Args:
        look: the look.
        check: the check that it belongs to.
        metric: the metric with all of its values.
        rules: how the test is judged.

    Yields:
        One sentence per note.
    """
    if look.action == "continue":
        yield UNDECIDED
    elif not look.last:
        yield (
            f"stopped after {look.n_pairs} of at most {check.design.looks[-1]} pairs: the verdict "
            "keeps its error rates, the estimates overstate what made it stop"
        )
    if look.action == "reject" and look.harm.combined <= look.level < look.harm.exact:
        yield (
            f"{look.n_pairs} pairs are too few for an exact test at the level {look.level:.2g}: "
            "the p-value below that comes from a t-test, which assumes normal values"
        )
    if look.last:
        yield from resolution_note(check.design.looks[-1], check.alpha, rules)
    if look.collapsed.only_candidate:
        yield _collapsed(look, metric)


def resolution_note(n_pairs: int, alpha: float, rules: Rules) -> Iterator[str]:
    """That so few pairs cannot show a loss by an exact test, and how many can.

    Args:
        n_pairs: the largest number of pairs.
        alpha: level of the comparison.
        rules: how the test is judged.

    Yields:
        The sentence, if it applies.
    """
    if rules.test != "robust-t" or rules.on_nonfinite == "test":
        return
    from pytest_mlregress.statistics.pairs_needed import pairs_for_level

    found = pairs_for_level(alpha)
    if n_pairs < min(found.sign_flips, found.two_samples):
        yield found.in_words(n_pairs)


def base_name(rules: Rules) -> str:
    """What texts call the base.

    Args:
        rules: how the test is judged.

    Returns:
        Its label, or ``the base``.
    """
    return rules.base_label or "the base"


def _collapsed(look: PairLook, metric: MetricVerdict) -> str:
    """``seeds 3 and 4 collapsed: 0.6, 0.55; the base's worst is 0.8812``."""
    values = list(metric.candidate.items())
    found = [values[position] for position in look.collapsed.positions]
    finite = [value for value in metric.baseline.values() if math.isfinite(value)]
    worst = min(finite) if metric.higher_is_better else max(finite)
    return (
        f"{seeds_in_words([seed for seed, _ in found])} collapsed: "
        f"{', '.join(f'{value:.4g}' for _, value in found)}; the base's worst is {worst:.4g}"
    )
