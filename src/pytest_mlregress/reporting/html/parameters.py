"""Hyper-parameters over all tests of a run: tests that record the same metrics are one plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.node_ids import name_parts
from pytest_mlregress.reporting.html.changes import revision_line, side_parameters
from pytest_mlregress.reporting.html.figures import short_name
from pytest_mlregress.reporting.plots.parallel import ParallelPlot, Run, parallel_plot
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.sample_text import summarise
from pytest_mlregress.verdicts.verdict import Verdict

__all__ = ["ParameterGroup", "parameter_groups"]

_GROUPS: Final = 6
"""Plots of a page."""


@dataclass(frozen=True, slots=True)
class ParameterGroup:
    """Tests that record the same metrics.

    Attributes:
        title: what they are.
        plot: a line per test and side.
    """

    title: str
    plot: ParallelPlot


def parameter_groups(report: RunReport) -> list[ParameterGroup]:
    """A plot for each group of at least two runs between which a hyper-parameter differs.

    Args:
        report: the report.

    Returns:
        The largest groups first.
    """
    by_metrics: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in report.verdicts:
        names = tuple(sorted(metric.name for metric in verdict.metrics))
        by_metrics.setdefault(names, []).append(verdict)
    found = []
    for names, verdicts in sorted(by_metrics.items(), key=lambda item: (-len(item[1]), item[0])):
        if len(verdicts) < 2:
            continue
        runs = [run for verdict in verdicts for run in _runs(report, verdict)]
        logged = {name for run in runs for name in run.values} - set(names)
        varied = sorted(n for n in logged if len({repr(run.values.get(n)) for run in runs}) > 1)
        plot = parallel_plot([*varied, *names], runs) if varied and names else None
        if plot is not None:
            title = f"{len(verdicts)} tests with {', '.join(map(short_name, names))}"
            found.append(ParameterGroup(title, plot))
    return found[:_GROUPS]


def _runs(report: RunReport, verdict: Verdict) -> Iterator[Run]:
    """The means of both sides and of earlier baselines, with what all seeds of a side share."""
    artifact = report.baselines.get((verdict.test, verdict.tier))
    name = short_name(".".join(name_parts(verdict.test)))
    for revision in reversed(report.earlier.get((verdict.test, verdict.tier), ())):
        yield revision_line(revision, [metric.name for metric in verdict.metrics], f"{name},")
    sides = zip(("before", "now"), side_parameters(verdict, artifact), strict=True)
    for side, params in sides:
        means = {
            metric.name: summarise(values.values()).mean
            for metric in verdict.metrics
            if (values := metric.candidate if side == "now" else metric.baseline)
        }
        if means:
            yield Run(f"{name}, {side}", side, _shared(params) | means)


def _shared(params: Mapping[str, Sequence[object]]) -> dict[str, object]:
    return {name: values[0] for name, values in params.items() if len(values) == 1}
