"""One sentence on two environments, for the whole suite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_mlregress.node_ids import split_file
from pytest_mlregress.plurals import plural
from pytest_mlregress.reporting.number_format import numbers
from pytest_mlregress.verdicts.largest_loss import Effect, largest_loss
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind

_LOSSES: Final = (VerdictKind.REGRESSION, VerdictKind.DIVERGED, VerdictKind.MINOR)
_MOST_NAMED: Final = 3


def suite_line(verdicts: Sequence[Verdict]) -> str:
    """Whether the environments agree, over all tests of a comparison of environments.

    Args:
        verdicts: the verdicts of all tests; skipped ones do not count.

    Returns:
        ``the environments agree: 70 of 70 tests, largest loss 0.002 [-0.001, 0.004] (accuracy of
        test_x)``, or which tests lose, how many improved, or which have not shown that they agree.
    """
    judged = [verdict for verdict in verdicts if verdict.kind is not VerdictKind.SKIPPED]
    lost = [verdict for verdict in judged if verdict.kind in _LOSSES]
    open_ = [v for v in judged if v not in lost and v.colour is not Colour.GREEN]
    tests = f"{len(judged)} {plural('test', len(judged))}"
    if not judged:
        return "the environments were not compared: no test has a verdict"
    if lost:
        verb = "loses" if len(lost) == 1 else "lose"
        return f"{len(lost)} of {tests} {verb}: {_names(lost)}{_rest(open_)}"
    gained = sum(verdict.kind is VerdictKind.IMPROVEMENT for verdict in judged)
    if open_:
        agree = len(judged) - len(open_) - gained
        improved = f"; {gained} improved" if gained else ""
        return (
            f"no test loses, and the environments agree in {agree} of {tests}{improved}"
            f"{_rest(open_)}"
        )
    if gained:
        return f"no test loses; {gained} of {len(judged)} improved"
    return f"the environments agree: {len(judged)} of {tests}, {_largest(judged)}"


def _largest(verdicts: Sequence[Verdict]) -> str:
    if all(verdict.kind is VerdictKind.IDENTICAL for verdict in verdicts):
        return "all of them bit-identical"
    return effect_in_words(largest_loss(verdicts))


def effect_in_words(effect: Effect | None) -> str:
    """``largest loss 0.002 [-0.001, 0.004] (accuracy of test_x)``.

    Args:
        effect: of the metric that lost most.

    Returns:
        The text, in which a loss is positive.
    """
    if effect is None:
        return "no metric was compared"
    if effect.change >= 0:
        return "no metric has lost"
    loss, low, high = numbers((-effect.change, -effect.high, -effect.low), digits=2, rounding=True)
    tier = f" ({effect.tier})" if effect.tier not in ("", "default") else ""
    return f"largest loss {loss} [{low}, {high}] ({effect.metric} of {_name(effect.test)}{tier})"


def _rest(verdicts: Sequence[Verdict]) -> str:
    """The tests that show nothing."""
    if not verdicts:
        return ""
    return f"; not shown for {len(verdicts)}: {_names(verdicts)}"


def _names(verdicts: Sequence[Verdict]) -> str:
    names = [f"{_name(verdict.test)} ({verdict.kind})" for verdict in verdicts[:_MOST_NAMED]]
    left = len(verdicts) - len(names)
    return ", ".join([*names, *([f"and {left} more"] if left else [])])


def _name(test: str) -> str:
    return split_file(test)[1] or test
