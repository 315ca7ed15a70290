"""The text of a verdict that is not green: everything needed to act on it without a second run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.captured_text import output_lines, worst_seed
from pytest_mlregress.reporting.headline import failed_seeds, headline, metric_sentence
from pytest_mlregress.reporting.metric_text import (
    compares_matched_seeds,
    difference_with_interval,
    level_text,
    limit_of,
    p_and_limit,
    same_side,
)
from pytest_mlregress.reporting.number_format import number, numbers, seconds
from pytest_mlregress.reporting.report import most_severe_metrics_first
from pytest_mlregress.reporting.sample_text import (
    absent,
    effect_size,
    seeds_counted,
    summarise,
    unneeded,
)
from pytest_mlregress.reporting.since_text import since_text
from pytest_mlregress.reporting.step_text import step_lines
from pytest_mlregress.reporting.text_layout import pad, width_of, wrap
from pytest_mlregress.verdicts.verdict import FOLDABLE, Colour, MetricVerdict, Verdict, VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.statistics import Comparison

_OUTPUT_LINES: Final = 30

_LABELS: Final = 14
"""Cells of the column that names what follows."""


def failure_text(verdict: Verdict, *, width: int = 80, every: bool = False) -> str:
    """The verdict in full, as plain text; only a single word makes a line over ``width`` cells.

    The first line is the headline, cut to fit; `headline` returns it whole. `short_failure_text`
    has a few lines.

    Args:
        verdict: the verdict.
        width: width in terminal cells.
        every: whether metrics that need no action are shown in full, too.

    Returns:
        The text.
    """
    lines = [headline(verdict, width=width)]
    lines += _section(_troubled_seeds(verdict, width))
    for metric in most_severe_metrics_first(verdict):
        if every or metric.kind not in FOLDABLE:
            lines += _section(_metric(verdict, metric, width))
    if not every:
        lines += _section(_greens(verdict, width))
    lines += _section(_output(verdict, width))
    lines += _section(_circumstances(verdict, width))
    return "\n".join(lines)


def _section(lines: Iterator[str]) -> list[str]:
    """The lines after a blank one; nothing without lines."""
    body = list(lines)
    return ["", *body] if body else []


def _troubled_seeds(verdict: Verdict, width: int) -> Iterator[str]:
    durations = {result.seed: result.duration for result in verdict.seeds}
    for seed, what in failed_seeds(verdict):
        after = f" (after {seconds(durations[seed])})" if durations.get(seed) else ""
        yield from wrap(f"{what}{after}", width, first=f"{verdict.unit} {seed}: ")


def _metric(verdict: Verdict, metric: MetricVerdict, width: int) -> Iterator[str]:
    direction = "higher" if metric.higher_is_better else "lower"
    yield from wrap(f"{metric.name}: {metric.kind} ({direction} is better)", width, rest="  ")
    yield from _samples(verdict, metric, width)
    if metric.comparison is not None and metric.kind is not VerdictKind.DIVERGED:
        yield from _comparison(metric, metric.comparison, width)
    yield from _list("why", metric.reasons, width)
    yield from _list("note", metric.notes, width)


def _samples(verdict: Verdict, metric: MetricVerdict, width: int) -> Iterator[str]:
    """Both samples by seed, with the same number of digits, so that they are easy to compare."""
    values = (*metric.baseline.values(), *metric.candidate.values())
    texts = iter(numbers(values, digits=4))
    baseline = {seed: next(texts) for seed in metric.baseline}
    candidate = {seed: next(texts) for seed in metric.candidate}
    candidate.update(absent(verdict, metric))
    both = [summarise(sample.values()) for sample in (metric.baseline, metric.candidate)]
    mean_texts = numbers((sample.mean for sample in both), digits=4)
    sd_texts = numbers((sample.sd for sample in both), digits=2, rounding=True)
    for label, sample, mean, sd, by_seed in zip(
        ("base" if verdict.base else "baseline", "now"),
        both,
        mean_texts,
        sd_texts,
        (baseline, candidate),
        strict=True,
    ):
        spread = f", SD {sd}" if sample.n > 1 else ""
        count = count_of(sample.n, verdict.unit)
        if sample.n:
            yield from _labelled(label, f"mean {mean}{spread}, {count}", width)
        yield from _grid(by_seed, width)


def _grid(by_seed: Mapping[int, str], width: int) -> Iterator[str]:
    """``seed: value`` in columns, in the order of the seeds."""
    cells = [f"{seed}: {text}" for seed, text in sorted(by_seed.items())]
    if not cells:
        return
    indent = 4
    cell = max(map(width_of, cells)) + 2
    columns = max(1, (width - indent + 2) // cell)
    for start in range(0, len(cells), columns):
        row = "".join(pad(text, cell) for text in cells[start : start + columns]).rstrip()
        yield from _row(row, indent, width)


def _row(row: str, indent: int, width: int) -> list[str]:
    """The indented row on one line if it fits, otherwise wrapped."""
    line = " " * indent + row
    return [line] if width_of(line) <= width else wrap(row, width, first=" " * indent)


def _comparison(metric: MetricVerdict, comparison: Comparison, width: int) -> Iterator[str]:
    yield from _labelled(
        "difference",
        f"{difference_with_interval(metric)} (now - {_other(metric)}, "
        f"{level_text(metric)} confidence)",
        width,
    )
    if metric.same_side_spread is not None:
        yield from _labelled("A/A", same_side(metric), width)
    if (effect := effect_size(metric)) is not None:
        yield from _labelled(
            "effect", f"{number(effect, digits=2, signed=True)} {_other(metric)} SDs", width
        )
    for label, statement in (*_effects(metric), *_tests(metric, comparison)):
        yield from _labelled(label, statement, width)
    for label, statement in _limits(metric, comparison):
        yield from _labelled(label, statement, width)


def _effects(metric: MetricVerdict) -> Iterator[tuple[str, str]]:
    """Estimates that no outlier moves; none of them decides.

    They are of two separate samples, and could contradict a comparison of matched seeds.
    """
    if not (metric.baseline and metric.candidate) or compares_matched_seeds(metric):
        return
    from pytest_mlregress.statistics import effect_sizes

    found = effect_sizes(
        tuple(metric.baseline.values()),
        tuple(metric.candidate.values()),
        higher_is_better=metric.higher_is_better,
    )
    if math.isfinite(found.shift):
        low, high = found.shift_interval
        shift, low_text, high_text = numbers((found.shift, low, high), signed=True)
        yield "shift", f"{shift} [{low_text}, {high_text}] (Hodges-Lehmann, exact 95 %)"
    worse = f"{number(found.probability_worse, digits=2)} that a {metric.unit} now is worse"
    if math.isfinite(found.sd_ratio):
        worse += f"; SD ratio {number(found.sd_ratio, digits=2)}"
    yield "chance", worse


def _tests(metric: MetricVerdict, comparison: Comparison) -> Iterator[tuple[str, str]]:
    harm, alpha = p_and_limit(metric)
    safe, beta = numbers((comparison.safety.p, comparison.beta), digits=2, aligned=False)
    shown = "shown" if comparison.p_harm <= limit_of(metric) else "not shown"
    if shown == "not shown" and metric.kind is VerdictKind.MINOR:
        shown = "shown at an earlier look"
    safety = comparison.safety.excludes(comparison.margin, comparison.beta)
    excluded = "excluded" if safety else "not excluded"
    if not safety and comparison.safety.p <= comparison.beta:
        excluded += ": the raw mean or median lost as much"
    which = "level of this look" if metric.level is not None else "level"
    name = "pairs" if metric.pair_pvalues is not None else comparison.test
    yield name, f"harm: p = {harm}, {which} {alpha}: a loss is {shown}"
    yield "", f"safety: p = {safe}, level {beta}: a loss of the margin is {excluded}"
    if (found := metric.pair_pvalues) is not None:
        flips, samples = numbers((found.pairs, found.samples), digits=2, aligned=False)
        yield "", f"together: sign flips p = {flips}, two samples p = {samples}"
    welch = comparison.welch
    yield (
        "Welch's t",
        f"t = {number(welch.statistic)}, df = {number(welch.df)}, "
        f"two-sided p = {number(welch.pvalue, digits=2)}",
    )


def _limits(metric: MetricVerdict, comparison: Comparison) -> Iterator[tuple[str, str]]:
    margin, detectable = numbers((comparison.margin, comparison.detectable), aligned=False)
    unaffordable = "none that these seeds could exclude"
    margin = margin if math.isfinite(comparison.margin) else unaffordable
    yield "margin", f"{margin} (declared: {_declared(metric)})"
    if math.isfinite(comparison.detectable):
        yield "detectable", f"a loss of {detectable}, with 90 % power"
    else:
        yield "detectable", "no loss, however large: too few seeds for this level"


def _other(metric: MetricVerdict) -> str:
    return "base" if metric.base else "baseline"


def _declared(metric: MetricVerdict) -> str:
    return metric.declared if isinstance(metric.declared, str) else number(metric.declared)


def _greens(verdict: Verdict, width: int) -> Iterator[str]:
    for metric in most_severe_metrics_first(verdict):
        if metric.kind in FOLDABLE:
            yield metric_sentence(metric, width=width)


def _output(verdict: Verdict, width: int) -> Iterator[str]:
    """The end of what the seed printed that speaks most for the verdict."""
    if verdict.colour is Colour.GREEN or (seed := worst_seed(verdict)) is None:
        return
    lines = output_lines(seed, most=_OUTPUT_LINES, width=width - 2)
    if lines:
        what = "traceback" if seed.traceback else "output"
        yield f"{what} of seed {seed.seed}:"
        yield from (f"  {line}" for line in lines)


def _circumstances(verdict: Verdict, width: int) -> Iterator[str]:
    yield from _list("why", verdict.reasons, width, indent=0)
    yield from _list("note", verdict.notes, width, indent=0)
    yield from _list("environment", verdict.environment, width, indent=0)
    if verdict.planned:  # files have none
        name = "pairs" if verdict.base else "seeds"
        yield from _labelled(name, _seeds(verdict), width, indent=0)
    if verdict.base:
        yield from _labelled("base", verdict.base, width, indent=0)
    if verdict.since is not None:
        ago = since_text(verdict.since).removeprefix("since ")
        yield from _labelled("since", ago, width, indent=0)
        yield from _list("uncommitted", verdict.since.uncommitted, width, indent=0)
    elif verdict.baseline_commit and not verdict.base:
        yield from _labelled(
            "baseline of", f"commit {verdict.baseline_commit[:10]}", width, indent=0
        )
    yield from _next_steps(verdict, width)


def _next_steps(verdict: Verdict, width: int) -> Iterator[str]:
    """Each on its own line; a command that needs more can still be pasted into a shell."""
    for index, step in enumerate(verdict.next_steps):
        yield from step_lines(step, width, pad("" if index else "next", _LABELS))


def _seeds(verdict: Verdict) -> str:
    """How many seeds the verdict rests on, and what became of the others."""
    planned, spared = len(verdict.planned), len(unneeded(verdict))
    deselected = planned - len(verdict.selected)
    parts = [f"verdict after {seeds_counted(verdict)} of {planned} planned"]
    if deselected:
        parts.append(f"{deselected} deselected")
    if spared:
        parts.append(f"{spared} not needed")
    return ", ".join(parts) + f"; {seconds(verdict.duration)} of training"


def _list(label: str, texts: Sequence[str], width: int, *, indent: int = 2) -> Iterator[str]:
    """One labelled text after the other, with the label only once."""
    for index, text in enumerate(texts):
        yield from _labelled("" if index else label, text, width, indent=indent)


def _labelled(label: str, text: str, width: int, *, indent: int = 2) -> list[str]:
    return wrap(text, width, first=" " * indent + pad(label, _LABELS - indent))
