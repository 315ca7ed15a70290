"""The figures of a metric as every report writes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from pytest_mlregress.reporting.number_format import number, numbers
from pytest_mlregress.reporting.sample_text import summarise
from pytest_mlregress.verdicts.verdict import FOLDABLE, MetricVerdict, VerdictKind

_FEWEST_DIGITS: Final = 2
_MOST_DIGITS: Final = 12
"""Of a difference whose interval is far larger than the means."""

MEANING_OF_Q: Final = "expected share of false losses among the comparisons with a q as small"


def shown_interval(metric: MetricVerdict) -> tuple[float, float, float] | None:
    """The interval that belongs to the tests that decided, for every report.

    Of a metric that needs no action it is Welch's at the same levels, which says the same and costs
    microseconds; inverting a permutation test costs milliseconds.

    Args:
        metric: the metric.

    Returns:
        Both ends, candidate minus baseline, in metric units, and their confidence; None without a
        comparison or with a value that is not finite.
    """
    comparison = metric.comparison
    if comparison is None or not math.isfinite(comparison.difference):
        return None
    values = (*metric.baseline.values(), *metric.candidate.values())
    if not (metric.baseline and metric.candidate and all(map(math.isfinite, values))):
        return *comparison.interval, comparison.interval_level
    from pytest_mlregress.statistics.deciding_interval import (
        classical_interval,
        deciding_interval,
    )
    from pytest_mlregress.statistics.shift_tests import OrientedSamples

    if metric.kind in FOLDABLE:
        quick = classical_interval(comparison, limit_of(metric))
        return quick.low, quick.high, quick.level

    sign = 1.0 if metric.higher_is_better else -1.0
    samples = OrientedSamples(
        tuple((seed, sign * value) for seed, value in metric.baseline.items()),
        tuple((seed, sign * value) for seed, value in metric.candidate.items()),
        live_pairs=metric.pair_pvalues is not None,
    )
    found = deciding_interval(samples, comparison, limit_of(metric))
    return found.low, found.high, found.level


def difference_with_interval(metric: MetricVerdict) -> str:
    """``-0.0438 [-0.0611, -0.0265]``: candidate minus baseline, with `shown_interval`.

    With the decimals of `means`, and then it is what a reader gets who subtracts these; an end of
    the interval that would be on its other side by a unit of the last decimal is put there. With
    more decimals where the largest of the three would have less than two significant digits.

    Args:
        metric: the metric.

    Returns:
        The text; empty without a comparison.
    """
    if metric.comparison is None:
        return ""
    low, high, _ = shown_interval(metric) or (-math.inf, math.inf, math.nan)
    exact = (metric.comparison.difference, low, high)
    printed = tuple(Decimal(text) for text in means(metric).split(" -> ") if text)
    digits = _digits_beside_means(printed, exact)
    difference, low_text, high_text = numbers(exact, digits=digits, signed=True, rounding=True)
    subtracted = _subtracted(printed)
    if subtracted is not None and _has_no_more_decimals(difference, subtracted):
        middle, decimals = float(subtracted), -_last_place(subtracted)
        ends = min(round(low, decimals), middle), max(round(high, decimals), middle)
        around = (middle, *ends)
        difference, low_text, high_text = numbers(around, digits=digits, signed=True, rounding=True)
    return f"{difference} [{low_text}, {high_text}]"


def _subtracted(printed: Sequence[Decimal]) -> Decimal | None:
    """The candidate's printed mean minus the baseline's; None where these are not two numbers."""
    if len(printed) != 2 or not all(value.is_finite() for value in printed):
        return None
    baseline, candidate = printed
    return candidate - baseline


def _has_no_more_decimals(text: str, subtracted: Decimal) -> bool:
    found = Decimal(text)
    return found.is_finite() and _last_place(found) >= _last_place(subtracted)


def _last_place(value: Decimal) -> int:
    """The exponent of the last decimal: -4 of 0.9312."""
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _digits_beside_means(printed: Sequence[Decimal], values: tuple[float, ...]) -> int:
    """Significant digits of the largest value at which all end where the printed means end."""
    last_places = [_last_place(value) for value in printed if value.is_finite()]
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if not largest or not last_places:
        return _FEWEST_DIGITS
    digits = math.floor(math.log10(largest)) + 1 - min(last_places)
    return min(max(digits, _FEWEST_DIGITS), _MOST_DIGITS)


def level_text(metric: MetricVerdict) -> str:
    """``96 %``: the confidence of `shown_interval`, never rounded to that of certainty.

    Args:
        metric: the metric.

    Returns:
        The text; empty where no interval is shown.
    """
    shown = shown_interval(metric)
    if shown is None:
        return ""
    percent = 100.0 * shown[2]
    texts = (number(percent, digits=digits) for digits in range(2, _MOST_DIGITS))
    return f"{next((text for text in texts if text != '100'), number(percent))} %"


def common_level(metrics: Iterable[MetricVerdict]) -> str:
    """The confidence in the heading of a column of intervals.

    Args:
        metrics: those with a row.

    Returns:
        The `level_text` of all of them; empty where they have none or several.
    """
    levels = set(filter(None, map(level_text, metrics)))
    return levels.pop() if len(levels) == 1 else ""


def difference_cell(metric: MetricVerdict) -> str:
    """The difference in a table, with what two runs of one side differ by: ``(A/A +-0.0108)``.

    Args:
        metric: the metric.

    Returns:
        The text.
    """
    text = difference_with_interval(metric)
    if metric.same_side_spread is None:
        return text
    same = f"A/A {same_side_short(metric)}"
    return f"{text} ({same})" if text else same


def same_side_short(metric: MetricVerdict) -> str:
    """``+-0.0108``: how far two runs of one side differ, as the reach of a difference.

    Args:
        metric: the metric.

    Returns:
        The text; empty without two live pairs.
    """
    if metric.same_side_spread is None:
        return ""
    return f"+-{number(metric.same_side_spread)}"


def means(metric: MetricVerdict) -> str:
    """``0.9312 -> 0.8874``: the baseline's mean and the candidate's; a single one has no arrow.

    For an identical metric only the matched seeds: the mean of all would seem to have changed. If
    seeds were compared with their own values, the baseline's mean for these seeds: that of all may
    be on the other side of the candidate's.

    Args:
        metric: the metric.

    Returns:
        The text.
    """
    if metric.comparison is not None and compares_matched_seeds(metric):
        now, difference = summarise(metric.candidate.values()).mean, metric.comparison.difference
        if math.isfinite(difference):
            return " -> ".join(numbers((now - difference, now), digits=4))
    baseline = metric.baseline
    if metric.kind is VerdictKind.IDENTICAL:
        baseline = {seed: value for seed, value in baseline.items() if seed in metric.candidate}
    samples = [values for values in (baseline, metric.candidate) if values]
    return " -> ".join(numbers((summarise(s.values()).mean for s in samples), digits=4))


def compares_matched_seeds(metric: MetricVerdict) -> bool:
    """True if each seed was compared with its own value in the baseline.

    Args:
        metric: the metric.

    Returns:
        Whether it was a comparison of pairs.
    """
    comparison = metric.comparison
    return comparison is not None and (comparison.theta is not None or comparison.test == "paired")


def same_side(metric: MetricVerdict) -> str:
    """``two runs of the same code differ by up to 0.0108 (95 %)``.

    Args:
        metric: a metric of live pairs.

    Returns:
        The text; empty without two pairs.
    """
    if metric.same_side_spread is None:
        return ""
    return f"two runs of the same code differ by up to {number(metric.same_side_spread)} (95 %)"


def limit_of(metric: MetricVerdict) -> float:
    """What the p-value of a loss is held to: the level of the deciding look, or of the comparison.

    Args:
        metric: the metric.

    Returns:
        The level.
    """
    return metric.alpha if metric.level is None else metric.level


def p_and_limit(metric: MetricVerdict) -> tuple[str, str]:
    """The p-value of the test for a loss and its limit, with enough digits to tell them apart.

    Args:
        metric: the metric.

    Returns:
        Both texts; empty without a comparison.
    """
    if metric.comparison is None:
        return "", ""
    p, limit = numbers((metric.comparison.p_harm, limit_of(metric)), digits=2, aligned=False)
    return p, limit


def p_text(metric: MetricVerdict) -> str:
    """The p-value of the test for a loss.

    Args:
        metric: the metric.

    Returns:
        The text.
    """
    return p_and_limit(metric)[0]


def margin_text(metric: MetricVerdict) -> str:
    """The margin in metric units, and what a green verdict may have missed.

    Also as it was declared if that is in another unit: ``1% = 0.0093``.

    Args:
        metric: the metric.

    Returns:
        The text.
    """
    if metric.comparison is None:
        return ""
    margin = metric.comparison.margin
    if not math.isfinite(margin):
        return "none"
    if isinstance(metric.declared, str) and metric.declared.strip() != "auto":
        return f"{metric.declared.strip()} = {number(margin)}"
    return number(margin)
