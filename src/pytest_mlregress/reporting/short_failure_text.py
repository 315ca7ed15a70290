"""The text of a verdict that is not green, in a few lines; `failure_text` has everything.

What is first in this order is shown, up to the first part without room, so that failures that are
alike fold alike:

1. the verdict with its numbers, in up to three lines
2. *next*: the first step, whole, since a command that is cut cannot be pasted
3. *sure*: how sure the verdict is
4. *since*: what lies between the baseline's commit and this tree
5. *differs*: the environment
6. *mean*: what was measured, of a test that compares nothing
7. *also*: the other metrics that are not green
8. *output*: the last line that the worst seed has printed
9. *why*: the reason that the headline does not give
10. *next*: the other steps
11. *why*: the other reasons

Output then takes the lines that are left. On the screen *next* comes last, since that is where a
reader looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from pytest_mlregress.reporting.captured_text import output_lines, worst_seed
from pytest_mlregress.reporting.certainty_text import how_sure, how_sure_of_failed_seeds
from pytest_mlregress.reporting.headline import (
    failed_seeds,
    headline,
    headline_lines,
    metric_sentence,
)
from pytest_mlregress.reporting.metric_text import means
from pytest_mlregress.reporting.report import most_severe_metrics_first
from pytest_mlregress.reporting.since_text import since_text
from pytest_mlregress.reporting.step_text import step_lines
from pytest_mlregress.reporting.text_layout import one_line, pad, wrap_within
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.verdict import FOLDABLE, MetricVerdict, Verdict, VerdictKind

MOST_LINES: Final = 8
"""Lines of the text, labels included."""

_ANY_WIDTH: Final = 10**6

_LABELS: Final = 8
"""Cells of the column that names what follows."""

_MOST_OF_HEADLINE: Final = 3

_PLACES: Final = ("sure", "mean", "also", "why", "since", "differs", "output", "next")
"""What names each part, from the first to the last on the screen."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Lines after what names them.

    Attributes:
        name: one of `_PLACES`.
        lines: given the label and the number of lines that there is room for, what is shown; more
            lines than that where they would be useless cut.
    """

    name: str
    lines: Callable[[str, int], list[str]]


def short_failure_text(
    verdict: Verdict, *, width: int = 80, most: int = MOST_LINES, output: bool = True
) -> str:
    """The verdict in a few lines, as plain text.

    Only a word or a command that is wider than ``width`` makes a line that is.

    Args:
        verdict: the verdict.
        width: width in terminal cells.
        most: the largest number of lines, at least 4.
        output: whether the end of what a seed has printed is shown.

    Returns:
        The text.
    """
    first, *others = _steps(verdict, width) or (None,)
    command = first.lines(first.name, most - 1) if first is not None else []
    lines = headline_lines(verdict, width=width, most=min(_MOST_OF_HEADLINE, most - len(command)))
    shown = {"next": command} if command else {}
    left = most - len(lines) - len(command)
    for part in [
        *_in_order(verdict, width, output=output),
        *others,
        *_more_reasons(verdict, width),
    ]:
        found = part.lines("" if part.name in shown else part.name, left)
        if len(found) > left:
            break
        shown[part.name] = shown.get(part.name, []) + found
        left -= len(found)
    seed = worst_seed(verdict)
    if "output" in shown and seed is not None:
        shown["output"] = _output(seed, width, left + 1)
    return "\n".join([*lines, *(line for name in _PLACES for line in shown.get(name, ()))])


def _in_order(verdict: Verdict, width: int, *, output: bool) -> Iterator[_Part]:
    """The parts between the first step and the others, without those that say nothing."""

    def text(name: str, content: str, most: int) -> Iterator[_Part]:
        if content.strip():
            yield _Part(name, partial(_wrapped, content, width, most))

    main, *others = _not_green(verdict) or (None,)
    yield from text("sure", _sure(verdict, main), 2)
    if verdict.since is not None:
        yield from text("since", since_text(verdict.since).removeprefix("since "), 2)
    yield from text("differs", "; ".join(verdict.environment), 1)
    yield from text("mean", _measured(verdict), 2)
    for sentence in _of_others(others, width - _LABELS):
        yield from text("also", sentence, 1)
    seed = worst_seed(verdict) if output else None
    if seed is not None and output_lines(seed, most=1, width=width):
        yield _Part("output", lambda _, __: _output(seed, width, 1))
    for reason in _further_reasons(verdict)[:1]:
        yield from text("why", reason, 3)


def _more_reasons(verdict: Verdict, width: int) -> Iterator[_Part]:
    for reason in _further_reasons(verdict)[1:]:
        yield _Part("why", partial(_wrapped, reason, width, 3))


def _steps(verdict: Verdict, width: int) -> list[_Part]:
    return [
        _Part("next", partial(_step, step, width)) for step in verdict.next_steps if step.strip()
    ]


def _label(name: str) -> str:
    return pad(name, _LABELS)


def _wrapped(content: str, width: int, most: int, name: str, left: int) -> list[str]:
    """Up to ``most`` lines, and what there is room for if that is less; the last words are cut."""
    return wrap_within(content, width, first=_label(name), most=max(1, min(most, left)))


def _step(step: str, width: int, name: str, left: int) -> list[str]:
    """A step in lines that can be pasted: wider ones where a narrow terminal has no room."""
    lines = step_lines(step, width, _label(name))
    if len(lines) <= left or name != "next":
        return lines
    return step_lines(step, _ANY_WIDTH, _label(name))


def _not_green(verdict: Verdict) -> list[MetricVerdict]:
    """The metrics that made the test what it is, the most severe first."""
    return [metric for metric in most_severe_metrics_first(verdict) if metric.kind not in FOLDABLE]


def _sure(verdict: Verdict, metric: MetricVerdict | None) -> str:
    """How sure the verdict is, unless the headline says it."""
    text = how_sure_of_failed_seeds(verdict) or ("" if metric is None else how_sure(metric))
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
    """The reasons that the headline does not give; it names each seed that failed."""
    first = headline(verdict)
    failed = tuple(f"seed {seed} " for seed, _ in failed_seeds(verdict))
    named = failed if verdict.kind is VerdictKind.DIVERGED and not verdict.metrics else ()
    return [
        reason
        for reason in verdict.reasons
        if one_line(reason) not in first and not reason.startswith(named)
    ]


def _output(seed: SeedResult, width: int, most: int) -> list[str]:
    """The end of what a seed printed, named by the seed."""
    name = pad(f"seed {seed.seed}", _LABELS - 1) + " | "
    rest = pad("", len(name) - 2) + "| "
    lines = output_lines(seed, most=most, width=width - len(name))
    return [(rest if index else name) + line for index, line in enumerate(lines)]
