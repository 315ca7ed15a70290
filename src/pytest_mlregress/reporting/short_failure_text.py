"""The text of a verdict that is not green, in a few lines: what, how sure, since when, what next.

`failure_text` has everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from pytest_mlregress.reporting.captured_text import output_lines, worst_seed
from pytest_mlregress.reporting.certainty_text import how_sure
from pytest_mlregress.reporting.headline import headline, headline_lines, metric_sentence
from pytest_mlregress.reporting.metric_text import means
from pytest_mlregress.reporting.report import most_severe_metrics_first
from pytest_mlregress.reporting.since_text import since_text
from pytest_mlregress.reporting.step_text import step_lines
from pytest_mlregress.reporting.text_layout import one_line, pad, wrap
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.verdict import FOLDABLE, MetricVerdict, Verdict

MOST_LINES: Final = 8
"""Lines of the text, labels included."""

_LABELS: Final = 8
"""Cells of the column that names what follows."""

_MOST_OF_HEADLINE: Final = 3

_PLACES: Final = ("", "sure", "mean", "also", "why", "since", "differs", "output", "next")
"""What names each part, from the first to the last."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Lines that are shown together or not at all, after what names them."""

    name: str
    lines: Callable[[str], list[str]]


def short_failure_text(verdict: Verdict, *, width: int = 80) -> str:
    """The verdict in at most `MOST_LINES` lines, as plain text.

    What does not fit is left out, the least important first, and never a part of a command. Only a
    word that is wider than ``width`` makes a line that is.

    Args:
        verdict: the verdict.
        width: width in terminal cells.

    Returns:
        The text.
    """
    lines = headline_lines(verdict, width=width, most=_MOST_OF_HEADLINE)
    shown: dict[str, list[str]] = {}
    left = MOST_LINES - len(lines)
    for part in _most_important_first(verdict, width):
        found = part.lines(pad("" if part.name in shown else part.name, _LABELS))
        if 0 < len(found) <= left:
            shown[part.name] = shown.get(part.name, []) + found
            left -= len(found)
    seed = worst_seed(verdict)
    if "output" in shown and seed is not None:
        shown["output"] = _output(seed, width, left + 1, "")
    return "\n".join([*lines, *(line for name in _PLACES for line in shown.get(name, ()))])


def _most_important_first(verdict: Verdict, width: int) -> Iterator[_Part]:
    def text(name: str, content: str) -> _Part:
        return _Part(
            name, lambda label: wrap(content, width, first=label) if content.strip() else []
        )

    main, *others = _not_green(verdict) or (None,)
    steps = [
        _Part("next", partial(step_lines, step, width))
        for step in verdict.next_steps
        if step.strip()
    ]
    reasons = [text("why", reason) for reason in _further_reasons(verdict)]
    seed = worst_seed(verdict)
    if main is not None:
        yield text("sure", _sure(verdict, main))
    if verdict.since is not None:
        yield text("since", since_text(verdict.since).removeprefix("since "))
    yield from steps[:1]
    yield text("mean", _measured(verdict))
    for sentence in _of_others(others, width - _LABELS):
        yield text("also", sentence)
    if seed is not None:
        yield _Part("output", partial(_output, seed, width, 1))
    yield from reasons[:1]
    yield text("differs", "; ".join(verdict.environment))
    yield from steps[1:]
    yield from reasons[1:]


def _not_green(verdict: Verdict) -> list[MetricVerdict]:
    """The metrics that made the test what it is, the most severe first."""
    return [metric for metric in most_severe_metrics_first(verdict) if metric.kind not in FOLDABLE]


def _sure(verdict: Verdict, metric: MetricVerdict) -> str:
    """How sure the verdict is, unless the headline says it."""
    text = how_sure(metric)
    return "" if one_line(text) in headline(verdict) else text


def _measured(verdict: Verdict) -> str:
    """The metrics of a test that compares none, with their means."""
    if any(metric.comparison is not None for metric in verdict.metrics):
        return ""
    found = (f"{metric.name} {means(metric)}".rstrip() for metric in verdict.metrics)
    return ", ".join(found)


def _of_others(others: Sequence[MetricVerdict], width: int) -> Iterator[str]:
    """One line on the next metric that is not green, then the names of all others."""
    compared = [metric for metric in others if metric.comparison is not None]
    for metric in compared[:1]:
        yield metric_sentence(metric, width=width)
    if rest := compared[1:]:
        kinds = dict.fromkeys(metric.kind for metric in rest)
        yield "; ".join(
            f"{kind}: {', '.join(m.name for m in rest if m.kind is kind)}" for kind in kinds
        )


def _further_reasons(verdict: Verdict) -> list[str]:
    """The reasons that the headline does not give."""
    first = headline(verdict)
    return [reason for reason in verdict.reasons if one_line(reason) not in first]


def _output(seed: SeedResult, width: int, most: int, label: str) -> list[str]:
    """The end of what a seed printed, named by the seed."""
    name = pad(f"seed {seed.seed}", _LABELS - 1) + " | "
    rest = pad("", len(name) - 2) + "| "
    lines = output_lines(seed, most=most, width=width - len(name))
    return [(rest if index else name) + line for index, line in enumerate(lines)]
