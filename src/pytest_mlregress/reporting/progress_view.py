"""The live display of a run as lines: how far the run, each worker and each test is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import about, number, seconds
from pytest_mlregress.reporting.progress_text import progress_line
from pytest_mlregress.reporting.text_layout import clip, shorten, width_of

_Row = tuple[str, str, tuple[str, ...], str]
"""A name, a count, values and a time."""

LEAST_WIDTH = 20
"""A terminal that is narrower is drawn as if it had so many cells."""


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A seed that trains.

    Attributes:
        worker: the process, such as ``gw0``; empty without workers.
        name: of the test.
        seed: the seed, in words.
        step: the step that it last logged; None where it has logged none.
        values: what it last logged, by name.
        elapsed: seconds since it began.
        left: seconds until it ends; None where that is unknown, or over.
    """

    worker: str
    name: str
    seed: str
    step: int | None
    values: dict[str, float]
    elapsed: float
    left: float | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """The difference of a metric from the baseline, so far.

    Attributes:
        metric: its name.
        difference: mean of the seeds that have ended, minus the baseline's.
        margin: the smallest loss that matters, in metric units; None for the automatic one.
    """

    metric: str
    difference: float
    margin: float | None


@dataclass(frozen=True, slots=True)
class UndecidedTest:
    """A test that has no verdict yet.

    Attributes:
        name: of the test.
        done: the number of its seeds that have ended.
        total: the number of its seeds.
        estimates: of its metrics.
    """

    name: str
    done: int
    total: int
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True, slots=True)
class RunView:
    """How far a run is.

    Attributes:
        done: the number of seeds that have ended.
        total: the number of all; None where it is unknown.
        left: seconds until the run ends; None where that is unknown.
        elapsed: seconds since its first seed began.
        workers: the seeds that train.
        tests: the tests that have begun and have no verdict.
    """

    done: int
    total: int | None
    left: float | None
    elapsed: float
    workers: tuple[WorkerView, ...]
    tests: tuple[UndecidedTest, ...]


def live_lines(view: RunView, width: int, height: int) -> list[str]:
    """The lines of the display.

    Args:
        view: how far the run is.
        width: of the terminal, in cells.
        height: the number of lines that it may have at most, at least 1.

    Returns:
        One line for the run, then one per worker, then one per test; what does not fit is counted.
    """
    width = max(width, LEAST_WIDTH)
    done = progress_line(view.done, view.total, view.left)
    head = f"mlregress: {done} ({seconds(int(view.elapsed))} so far)"
    workers = _aligned([_worker_cells(worker) for worker in view.workers], width)
    tests = _aligned([_test_cells(test) for test in view.tests], width)
    room = max(height - 1, 0)
    of_workers = _limited(workers, room if not tests else max(room - min(len(tests), room // 2), 0),
                          "worker")  # fmt: skip
    of_tests = _limited(tests, room - len(of_workers), "test")
    return [clip(line, width) for line in (head, *of_workers, *of_tests)]


def _limited(lines: Sequence[str], room: int, thing: str) -> list[str]:
    if len(lines) <= room:
        return list(lines)
    if room < 1:
        return []
    return [*lines[: room - 1], f"  and {count_of(len(lines) - room + 1, thing)} more"]


def _worker_cells(worker: WorkerView) -> _Row:
    step = [f"step {worker.step}"] if worker.step is not None else []
    values = [f"{visible(name)} {number(value)}" for name, value in worker.values.items()]
    time = seconds(int(worker.elapsed))
    left = f", {about(worker.left)} left" if worker.left is not None else ""
    return (
        f"{worker.worker} {visible(worker.name)}".strip(),
        worker.seed,
        (*step, *values),
        time + left,
    )


def _test_cells(test: UndecidedTest) -> _Row:
    return (
        visible(test.name),
        f"{test.done}/{count_of(test.total, 'seed')}",
        tuple(map(_estimate, test.estimates)),
        "",
    )


def _estimate(estimate: Estimate) -> str:
    difference = number(estimate.difference, signed=True)
    margin = number(estimate.margin) if estimate.margin is not None else "auto"
    return f"{visible(estimate.metric)} {difference} (margin {margin})"


def _aligned(rows: Sequence[_Row], width: int) -> list[str]:
    """The rows in columns, the time at the right edge; values that do not fit are left out."""
    if not rows:
        return []
    most = max(width // 3, 10)
    names = [shorten(row[0], most) for row in rows]
    of_name = max(map(width_of, names))
    of_count = max(width_of(row[1]) for row in rows)
    lines = []
    for name, (_, count, values, time) in zip(names, rows, strict=True):
        left = f"  {_padded(name, of_name)}  {_padded(count, of_count)}  "
        room = width - width_of(left) - (width_of(time) + 2 if time else 0)
        text = _padded(_fitting(values, room), room) if room > 0 else ""
        lines.append(f"{left}{text}  {time}".rstrip())
    return lines


def _fitting(values: Sequence[str], room: int) -> str:
    """As many of the values as have room, none of them cut."""
    text = ""
    for value in values:
        longer = f"{text}  {value}" if text else value
        if width_of(longer) > room:
            break
        text = longer
    return text


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))
