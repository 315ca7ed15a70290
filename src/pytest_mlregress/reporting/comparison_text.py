"""The verdict on two files of metrics: a line or two for each metric, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.certainty_text import how_sure
from pytest_mlregress.reporting.failure_text import failure_text
from pytest_mlregress.reporting.headline import headline, metric_sentence
from pytest_mlregress.reporting.metric_text import margin_text
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.report import RunReport, most_severe_metrics_first
from pytest_mlregress.reporting.text_layout import one_line, pad, wrap
from pytest_mlregress.verdicts.verdict import FOLDABLE, MetricVerdict, Verdict

_LABELS = 8
_MORE = "-v shows every value and test"


def comparison_text(
    report: RunReport, before: str, *, width: int = 80, verbose: bool = False
) -> str:
    """What ``mlregress compare`` prints.

    Args:
        report: its one verdict is that on the second file.
        before: the first file.
        width: width in terminal cells.
        verbose: whether every value and test is shown.

    Returns:
        The text.
    """
    (verdict,) = report.verdicts
    lines = (
        [failure_text(verdict, width=width, every=True)]
        if verbose
        else list(_short(verdict, width))
    )
    lines += ["", *wrap(_in_all(report, verdict, before), width, rest="  ")]
    if not verbose:
        lines.append(_MORE)
    return "\n".join(lines)


def _short(verdict: Verdict, width: int) -> Iterator[str]:
    first = headline(verdict)
    told = [metric for metric in verdict.metrics if metric_sentence(metric) in first]
    if not told:
        yield from wrap(first, width, rest="  ")
    for reason in verdict.reasons:
        if one_line(reason) not in first:
            yield from wrap(one_line(reason), width, first=pad("why", _LABELS))
    for metric in most_severe_metrics_first(verdict):
        if told or metric.kind is not verdict.kind:
            yield from _metric(metric, width)


def _metric(metric: MetricVerdict, width: int) -> Iterator[str]:
    """What happened, and how sure it is of what is not green."""
    sentence = metric_sentence(metric)
    margin = f", margin {margin_text(metric)}"
    before, found, rest = sentence.partition(margin)
    if found:
        sure = metric.kind not in FOLDABLE
        sentence = f"{before}{found}{_origin(metric)}{'' if sure else rest}"
        yield from wrap(sentence, width, rest="  ")
        if sure:
            yield from wrap(how_sure(metric), width, first=pad("sure", _LABELS))
    else:
        yield from wrap(sentence, width, rest="  ")
    for reason in metric.reasons:
        if one_line(reason) not in sentence:
            yield from wrap(one_line(reason), width, first=pad("why", _LABELS))


def _origin(metric: MetricVerdict) -> str:
    """Where a margin comes from that nobody has set: ``(auto, from 5 rows)``."""
    if metric.comparison is None or metric.declared != "auto":
        return ""
    return f" (auto, from {count_of(metric.comparison.n_candidate, metric.unit)})"


def _in_all(report: RunReport, verdict: Verdict, before: str) -> str:
    kinds = Counter(metric.kind for metric in most_severe_metrics_first(verdict))
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    metrics = count_of(len(verdict.metrics), "metric")
    comparisons = count_of(report.comparisons, "comparison")
    return (
        f"{verdict.kind}: {verdict.test} against {before}; {metrics}: {counts}; alpha "
        f"{number(report.alpha)} over {comparisons}"
    )
