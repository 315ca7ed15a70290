"""The answer as a terminal shows it: at most 80 columns, no word broken."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.bisection.axes_text import axes_lines, axes_sentence
from pytest_mlregress.reporting.number_format import number, numbers
from pytest_mlregress.reporting.text_layout import clip, pad, wrap, wrap_command
from pytest_mlregress.revisions.bisection.commit_range import Commit
from pytest_mlregress.revisions.bisection.metric_choice import PASSING
from pytest_mlregress.revisions.bisection.next_commands import NextCommand
from pytest_mlregress.revisions.bisection.report import BisectionReport, CandidateRow, Finding

__all__ = [
    "_cost_line",
    "answer_line",
    "likely_rows",
    "probability_text",
    "remarks",
    "report_lines",
    "title",
]

WIDTH: Final = 80
_SHOWN: Final = 5
_SHOWN_FILES: Final = 4
_IMPROBABLE: Final = 0.005


def report_lines(
    report: BisectionReport, commands: Sequence[NextCommand], *, width: int = WIDTH
) -> list[str]:
    """The report as lines of text.

    Args:
        report: the report.
        commands: what to do next.
        width: of the terminal, in cells.

    Returns:
        The lines.
    """
    lines = wrap(title(report), width, rest="  ")
    lines += [line for note in report.notes for line in wrap(f"note: {note}", width, rest="  ")]
    lines += ["", *wrap(answer_line(report), width, rest="  ")]
    for place in report.named:
        lines += _described(report.rows[place], width, report.finding)
    for place in report.others:
        row = report.rows[place]
        lines += wrap(f"it lost as well: {row.commit.short} {row.commit.subject}", width, rest="  ")
    lines += [""]
    if report.axes is not None:
        lines += axes_lines(report.axes, width)
    lines += list(_table(report, width))
    for text in remarks(report):
        lines += wrap(text, width, rest="  ")
    if commands:
        lines += ["", "next:"]
        for command in commands:
            lines += wrap_command(command.command, width, first="  ", rest="    ")
            lines += wrap(f"# {command.purpose}", width, first="    ")
    return lines


def title(report: BisectionReport) -> str:
    """What was searched, on one line.

    Args:
        report: the report.

    Returns:
        The line.
    """
    what = "whether its seeds pass"
    if report.metric.name != PASSING:
        better = "higher" if report.metric.higher_is_better else "lower"
        what = f"{report.metric.name} ({better} is better)"
    why = f", {report.metric.why}" if report.metric.why else ""
    return (
        f"{report.test} ({report.tier}): {what}{why}, from {report.good.short} to "
        f"{report.bad.short}, {count_of(report.commits, 'commit')}"
    )


def answer_line(report: BisectionReport) -> str:
    """The answer in one sentence.

    Args:
        report: the report.

    Returns:
        The sentence.
    """
    sure = probability_text(report.probability)
    match report.finding:
        case "identical":
            return (
                f"no commit is worse: {report.good.short} and {report.bad.short} give the same "
                "results bit for bit, since they differ in nothing that the test's seeds read"
            )
        case "none":
            assert report.excluded_loss is not None
            loss = number(report.excluded_loss)
            less = ", ".join(report.rows[place].commit.short for place in report.below_margin)
            return (
                f"no commit is worse: a loss of {loss} of {report.metric.name} or more by one "
                f"commit is excluded (probability {sure})"
                + (f"; {less} lost less than that" if less else "")
            )
        case "unclear":
            among = ", ".join(report.rows[place].commit.short for place in report.likely)
            return (
                f"cannot tell with {count_of(report.trainings, 'training')}: {report.reason}; if "
                f"a commit lost, it is one of {among}"
            )
        case "environment":
            commits = ", ".join(report.rows[place].commit.short for place in report.named)
            changed = f"; commits that changed it: {commits}" if commits else ""
            return f"the environment {_loss(report)}{changed}"
    names = [report.rows[place].commit.short for place in report.named]
    if len(names) == 1:
        return f"{names[0]} {_loss(report)} (probability {sure})"
    return f"one of {', '.join(names)} {_loss(report)} (probability {sure}); {_together(report)}"


def _together(report: BisectionReport) -> str:
    """Why commits are not told apart."""
    forked = [report.rows[place] for place in report.named if not report.rows[place].has_state]
    if not forked:
        return "no state that runs tells them apart"
    return (
        f"the branch of {', '.join(row.commit.short for row in forked)} forked off before "
        f"{report.good.short}, and a state without a part of that is not trained"
    )


def _loss(report: BisectionReport) -> str:
    if report.metric.name == PASSING:
        return "makes seeds fail"
    if report.effect is None or report.interval is None or not math.isfinite(report.effect):
        return f"loses {report.metric.name}: seeds fail or give no number from it on"
    effect, low, high = numbers((report.effect, *report.interval), signed=True)
    return f"loses {report.metric.name}: {effect} [{low}, {high}]"


def probability_text(probability: float) -> str:
    """A probability with two digits; what is nearly certain is not called certain.

    Args:
        probability: between 0 and 1.

    Returns:
        The text.
    """
    if 0.995 <= probability < 1:
        return "> .99"
    return f"{probability:.2f}".removeprefix("0") if probability < 1 else "1"


def likely_rows(report: BisectionReport, most: int = _SHOWN) -> list[CandidateRow]:
    """The commits with the largest probabilities, the largest first.

    Args:
        report: the report.
        most: how many at most.

    Returns:
        Those that are not all but excluded.
    """
    rows = sorted(report.rows, key=lambda row: -row.probability)
    return [row for row in rows[:most] if row.probability >= _IMPROBABLE]


def _cost_line(report: BisectionReport) -> str:
    """The trainings spent, and those of a plain bisection.

    Args:
        report: the report.

    Returns:
        The sentence.
    """
    known = [
        f"{report.sources[source]} {where}"
        for source, where in (("cache", "from the cache"), ("journal", "from the run before"))
        if report.sources.get(source)
    ]
    spent = f" ({', '.join(known)})" if known else ""
    five, twenty = report.git_bisect[5], report.git_bisect[20]
    return (
        f"{count_of(report.trainings, 'training')}{spent}; git bisect run: {five} with 5 seeds a "
        f"step, {twenty} with 20"
    )


def _described(row: CandidateRow, width: int, named_for: Finding) -> list[str]:
    commit = row.commit
    lines = [
        *wrap(f"{commit.short} {commit.subject}", width, first="  ", rest="    "),
        *wrap(f"{commit.author}, {commit.date}", width, first="    "),
    ]
    if row.read_files and named_for == "environment":
        lines += wrap(f"changed: {_some(row.read_files)}", width, first="    ")
    elif row.read_files:
        files = _some(row.read_files)
        lines += wrap(
            f"files that the test's seeds read: {files} (it changed {row.changed})",
            width,
            first="    ",
        )
    else:
        lines += wrap(
            f"it changed {count_of(row.changed, 'file')}, none of which a seed read at either end",
            width,
            first="    ",
        )
    if row.brought:
        lines += wrap(f"it merged {_commits(row.brought)}", width, first="    ")
    return lines


def _commits(commits: Sequence[Commit]) -> str:
    shown = [f"{commit.short} {commit.subject}" for commit in commits[:_SHOWN]]
    more = f" and {len(commits) - _SHOWN} more" if len(commits) > _SHOWN else ""
    return f"{count_of(len(commits), 'commit')}: {'; '.join(shown)}{more}"


def _table(report: BisectionReport, width: int) -> Iterator[str]:
    rows = likely_rows(report)
    if not rows:
        return
    effects = _changes([row.effect or 0.0 for row in rows])
    room = max(len(text) for text in effects)
    yield clip(f"  prob.  {pad('change', room, right=True)}  commit", width)
    for row, effect in zip(rows, effects, strict=True):
        probability = pad(probability_text(row.probability), 5, right=True)
        yield clip(
            f"  {probability}  {pad(effect, room, right=True)}  {row.commit.short} "
            f"{row.commit.subject}",
            width,
        )
    yield ""


def remarks(report: BisectionReport) -> Iterator[str]:
    """What the answer cost and rests on, one sentence each.

    Args:
        report: the report.

    Yields:
        The sentences.
    """
    yield _cost_line(report)
    if report.finding == "environment":
        return
    full, little = report.weights
    read = sum(1 for row in report.rows if row.weight == full)
    others = len(report.rows) - read
    if others:
        yield (
            f"prior weights: {full:g} for {count_of(read, 'commit')} that touched what the test's "
            f"seeds read, {little:g} for the {count_of(others, 'other')}"
        )
    else:
        yield "prior weights: the same for all commits; each touched what the test's seeds read"
    excluded = [row.commit.short for row in report.rows if row.excluded]
    if excluded and report.finding != "identical":
        yield (
            f"excluded, since states before and after give the same results bit for bit: "
            f"{_some(excluded)}"
        )
    for state, reason in report.skipped:
        yield f"skipped {state[:7]}: {reason}"


def axes_remarks(report: BisectionReport) -> list[str]:
    """What the axes mean for the search.

    Args:
        report: the report.

    Returns:
        One sentence; none where no axes were told apart.
    """
    return [] if report.axes is None else [axes_sentence(report.axes)]


def _changes(effects: Sequence[float]) -> list[str]:
    """Changes side by side, with three significant digits of the largest."""
    largest = max(abs(effect) for effect in effects)
    if not 1e-4 <= largest < 1e6:
        return [number(effect, signed=True) for effect in effects]
    decimals = max(0, 2 - math.floor(math.log10(largest)))
    return [f"{round(effect, decimals) + 0.0:+.{decimals}f}" for effect in effects]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_FILES} more" if len(names) > _SHOWN_FILES else ""
    return ", ".join(names[:_SHOWN_FILES]) + more
