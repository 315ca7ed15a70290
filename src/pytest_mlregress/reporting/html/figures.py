"""A metric's figures as the HTML report writes them: the terminal's, with typographic signs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pytest_mlregress.reporting.metric_text import (
    difference_with_interval,
    level_text,
    margin_text,
    means,
    p_and_limit,
    same_side_short,
)
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.plots.difference import difference_mark
from pytest_mlregress.reporting.plots.strip import strip_plot
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.text_layout import one_line, shorten
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict, VerdictKind

LONGEST_NAME: Final = 240
"""Characters of a name that a page shows; the middle of longer ones is left out."""

_MINUS: Final = re.compile(r"(?<![\w.-])-(?=\d|inf)")
"""A hyphen that is the sign of a number, not that of an exponent."""


def typeset(text: str) -> str:
    """Figures with a minus sign, a plus-minus sign and an arrow in place of ASCII.

    Args:
        text: figures, without text of a user.

    Returns:
        The text.
    """
    return _MINUS.sub("−", text.replace("->", "→").replace("+-", "±"))


def short_name(text: str) -> str:
    """A name on one line that no length of it can make unreadable.

    Args:
        text: any text.

    Returns:
        The name.
    """
    return shorten(one_line(text), LONGEST_NAME, ellipsis="…")


def metric_figures(report: RunReport, verdict: Verdict, metric: MetricVerdict) -> Mapping[str, Any]:
    """What the table and the card of a test show of one metric.

    Args:
        report: the report.
        verdict: the test.
        metric: its metric.

    Returns:
        Values by name.
    """
    judged = metric.comparison is not None and metric.kind is not VerdictKind.DIVERGED
    p_value, limit = p_and_limit(metric) if judged else ("", "")
    q_value = report.q_value(verdict, metric)
    return {
        "name": short_name(metric.name),
        "kind": str(metric.kind),
        "direction": "higher is better" if metric.higher_is_better else "lower is better",
        "means": typeset(means(metric)),
        "difference": typeset(difference_with_interval(metric)) if judged else "",
        "same_side": (
            typeset(f"A/A {same_side_short(metric)}")
            if metric.same_side_spread is not None and (judged or metric.comparison is None)
            else ""
        ),
        "level": level_text(metric) if judged else "",
        "p": p_value,
        "limit": limit,
        "q": number(q_value, digits=2) if judged and q_value is not None else "",
        "margin": margin_text(metric),
        "mark": difference_mark(metric),
        "plot": strip_plot(metric),
        "reasons": metric.reasons,
    }
