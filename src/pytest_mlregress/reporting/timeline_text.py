"""What the time of a run's workers went into, in a line and in a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import number, seconds
from pytest_mlregress.reporting.styled_lines import INDENT, StyledLine
from pytest_mlregress.reporting.text_layout import pad, width_of, wrap
from pytest_mlregress.timeline.spans import RunTimeline, WorkerTimeline
from pytest_mlregress.timeline.utilisation import (
    USES,
    RunUtilisation,
    Use,
    Utilisation,
    percentages,
)

LEAST_WORK_S: Final = 5.0
"""Of a run that needs less, no distribution of its seeds is worth a line."""

HEADINGS: Final = ("worker", "items", "training", "start-up", "between", "at the end")
_OTHERS: Final[dict[Use, str]] = {"other tests": "other tests", "lost": "lost"}
_ALWAYS: Final[tuple[Use, ...]] = ("training", "start-up", "waiting")
_MOST_ROWS: Final = 16


def timeline_lines(
    timeline: RunTimeline | None, width: int, *, verbose: bool
) -> Iterator[StyledLine]:
    """What a terminal says of it: nothing of a run that needed less than `LEAST_WORK_S`.

    Args:
        timeline: of the run.
        width: width in terminal cells.
        verbose: whether each worker has a row.

    Yields:
        The lines.
    """
    if timeline is None or RunUtilisation(timeline).whole.work < LEAST_WORK_S:
        return
    for line in wrap(timeline_line(timeline), width, rest=INDENT):
        yield StyledLine(line)
    if verbose:
        for line in worker_table(timeline):
            yield StyledLine(line, "dim")


def timeline_line(timeline: RunTimeline) -> str:
    """``2 workers: training 62 %, start-up 30 %, waiting 8 %; 1.42 x the ideal 5.2 s``.

    Args:
        timeline: of the run.

    Returns:
        One line; without the ideal where nothing ran.
    """
    run = RunUtilisation(timeline)
    spent = run.whole.seconds
    shares = dict(zip(USES, percentages([spent[use] for use in USES]), strict=True))
    parts = [f"{use} {shares[use]} %" for use in USES if use in _ALWAYS or spent[use] > 0]
    text = f"{count_of(run.places, 'worker')}: {', '.join(parts)}"
    if run.ratio is None:
        return text
    return f"{text}; {number(run.ratio)} x the ideal {seconds(run.ideal)}"


def worker_rows(timeline: RunTimeline) -> tuple[tuple[str, ...], ...]:
    """The table of the workers, its headings first.

    Args:
        timeline: of the run.

    Returns:
        Rows of equal length; columns for other tests and lost attempts only where there are any.
    """
    run = RunUtilisation(timeline)
    others = [use for use in _OTHERS if run.whole.seconds[use] > 0]
    return (
        (*HEADINGS, *(_OTHERS[use] for use in others)),
        *(_row(worker, spent, others) for worker, spent in run.workers),
    )


def _row(worker: WorkerTimeline, spent: Utilisation, others: Sequence[Use]) -> tuple[str, ...]:
    of_use, idle = spent.seconds, spent.idle
    durations = [of_use["training"], of_use["start-up"], idle["between"], idle["end"]]
    durations += [of_use[use] for use in others]
    return (_name(worker), str(spent.items), *map(seconds, durations))


def _name(worker: WorkerTimeline) -> str:
    return worker.id if worker.host is None else f"{worker.id} ({worker.host})"


def worker_table(timeline: RunTimeline) -> Iterator[str]:
    """The table of the workers for a terminal.

    Args:
        timeline: of the run.

    Yields:
        Its lines; beyond `_MOST_ROWS` workers one says how many are left out.
    """
    rows = worker_rows(timeline)
    shown = rows[: _MOST_ROWS + 1]
    widths = [max(map(width_of, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        first, *cells = row
        padded = (pad(c, width, right=True) for c, width in zip(cells, widths[1:], strict=True))
        yield "  ".join(["", pad(first, widths[0]), *padded])
    if left := len(rows) - len(shown):
        yield f"  and {count_of(left, 'more worker')} in the JSON report"
