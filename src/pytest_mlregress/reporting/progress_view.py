"""The live display of a run as lines: how far the run, each worker and each test is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import about, number, seconds
from pytest_mlregress.reporting.progress_text import progress_line
from pytest_mlregress.reporting.text_layout import clip, shorten, width_of

_Row = tuple[str, str, tuple[tuple[str, ...], ...], tuple[str, ...]]
"""A name, a count, values and a time; of the last two the longest form first."""

_NEEDED = 2
"""Of a form of values so many must have room, else the next form is taken."""

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
        ending: whether the test function has ended, and what follows it has not.
    """

    worker: str
    name: str
    seed: str
    step: int | None
    values: dict[str, float]
    elapsed: float
    left: float | None
    ending: bool = False


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
    done = f"mlregress: {progress_line(view.done, view.total, None)}"
    estimated = f"mlregress: {progress_line(view.done, view.total, view.left)}"
    forms = (f"{estimated} ({seconds(int(view.elapsed))} so far)", estimated, done)
    head = next((form for form in forms if width_of(form) <= width), done)
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
    left = "ending" if worker.ending else ""
    if worker.left is not None and not worker.ending:
        left = f"{about(worker.left)} left"
    return (
        f"{worker.worker} {visible(worker.name)}".strip(),
        worker.seed,
        ((*step, *values), tuple(values)) if step and values else ((*step, *values),),
        (f"{time}, {left}", left) if left else (time,),
    )


def _test_cells(test: UndecidedTest) -> _Row:
    return (
        visible(test.name),
        f"{test.done}/{count_of(test.total, 'seed')}",
        (tuple(map(_estimate, test.estimates)), tuple(map(_difference, test.estimates))),
        ("",),
    )


def _estimate(estimate: Estimate) -> str:
    margin = number(estimate.margin) if estimate.margin is not None else "auto"
    return f"{_difference(estimate)} (margin {margin})"


def _difference(estimate: Estimate) -> str:
    return f"{visible(estimate.metric)} {number(estimate.difference, signed=True)}"


def _aligned(rows: Sequence[_Row], width: int) -> list[str]:
    """The rows in columns, the time at the right edge.

    Where the first values have no room, all times take their shorter form; where they have none
    then, values take theirs, of which those are left out that do not fit.
    """
    if not rows:
        return []
    most = max(width // 3, 10)
    names = [shorten(row[0], most) for row in rows]
    of_name = max(map(width_of, names))
    of_count = max(width_of(row[1]) for row in rows)
    room = width - (of_name + of_count + 6)
    enough = all(_has_room(values[0], _beside(times[0], room)) for _, _, values, times in rows)
    lines = []
    for name, (_, count, values, times) in zip(names, rows, strict=True):
        time = times[0] if enough else times[-1]
        if _beside(time, room) < 0:
            time = ""
        left = _beside(time, room)
        form = next((form for form in values if _has_room(form, left)), values[-1])
        text = _padded(_fitting(form, left), left) if left > 0 else ""
        begin = f"  {_padded(name, of_name)}  {_padded(count, of_count)}  "
        lines.append(f"{begin}{text}  {time}".rstrip())
    return lines


def _has_room(values: Sequence[str], room: int) -> bool:
    return width_of("  ".join(values[:_NEEDED])) <= room


def _beside(time: str, room: int) -> int:
    """The cells that a time at the right edge leaves to values."""
    return room - (width_of(time) + 2 if time else 0)


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
