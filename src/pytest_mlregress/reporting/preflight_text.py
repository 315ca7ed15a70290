"""What a preflight tells at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import seconds
from pytest_mlregress.reporting.text_layout import one_line, wrap
from pytest_mlregress.resources.capacity import capacity
from pytest_mlregress.resources.need import in_bytes
from pytest_mlregress.running.first_step import ENDING_WORDS, Ending

_NOT_RUN: Final = "[NOTRUN]"
"""How pytest begins the reason of ``xfail(run=False)``."""


@dataclass(frozen=True, slots=True)
class TrainedFixture:
    """A fixture that trained while it was set up.

    Attributes:
        name: its name.
        scope: its scope.
        steps: the number of its optimizer steps.
    """

    name: str
    scope: str
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TestedStep:
    """One step of one test.

    Attributes:
        test: the node id without the seed, the tier among its parameters where all run.
        outcome: ``ok``, ``failed`` or ``skipped``.
        message: why it failed or was skipped.
        tier: its tier, where that is not the test's first and every tier ran; else None.
        ending: what ended it; None where it did not come to an end.
        xfailed: the reason of an expected failure that occurred; None without one.
        declared: whether the test, or a fixture of it, asked if this is a preflight.
        in_fixtures: the fixtures that trained for it.
        duration: seconds of set-up, call and tear-down.
        peak_memory: in bytes; None where that is unknown.
        peak_gpu_memory: in bytes; None without CUDA.
    """

    test: str
    outcome: str
    message: str
    tier: str | None = None
    ending: Ending | None = None
    xfailed: str | None = None
    declared: bool = False
    in_fixtures: tuple[TrainedFixture, ...] = ()
    duration: float
    peak_memory: int | None
    peak_gpu_memory: int | None


def preflight_lines(
    steps: Sequence[TestedStep], *, workers: int = 0, width: int = 80
) -> Iterator[str]:
    """A line for each test, and one on all of them.

    Args:
        steps: at least one.
        workers: processes that run seeds at once; 0 where the only process does.
        width: of the terminal, in cells.

    Yields:
        The lines.
    """
    for step in sorted(steps, key=lambda step: step.test):
        yield from wrap(one_line(step.test), width, first=f"{step.outcome:<8}")
        yield from wrap(_what(step), width, first=" " * 10)
    yield from wrap(_total(steps, workers), width, rest="  ")


def _what(step: TestedStep) -> str:
    if step.outcome != "ok":
        return one_line(step.message)
    return ", ".join([seconds(step.duration), *_memory(step), *_ending(step)])


def _ending(step: TestedStep) -> Iterator[str]:
    if step.xfailed is not None:
        yield _expected_failure(step.xfailed)
    elif step.ending is None:
        yield "not run"
    elif step.ending != "whole" or not step.in_fixtures:
        yield ENDING_WORDS[step.ending]
    if not step.declared:
        yield from map(_trained, step.in_fixtures)


def _expected_failure(xfailed: str) -> str:
    reason = xfailed.partition("\n")[0].removeprefix("reason: ").strip()
    not_run = reason.startswith(_NOT_RUN)
    what = "not run (xfail)" if not_run else "failed as expected (xfail)"
    reason = reason.removeprefix(_NOT_RUN).strip()
    return one_line(f"{what}: {reason}" if reason else what)


def _trained(fixture: TrainedFixture) -> str:
    where = f"{count_of(fixture.steps, 'optimizer step')} in the fixture {fixture.name!r}"
    if fixture.steps == 1:
        return where
    asked = (
        "mlregress.preflight"
        if fixture.scope == "function"
        else "request.config.getoption('mlregress_preflight')"
    )
    return f"{where}: it trains to its end; read {asked} there"


def _memory(step: TestedStep) -> Iterator[str]:
    if step.peak_memory is not None:
        yield in_bytes(step.peak_memory)
    if step.peak_gpu_memory is not None:
        yield f"{in_bytes(step.peak_gpu_memory)} on a GPU"


def _total(steps: Sequence[TestedStep], workers: int) -> str:
    by_outcome = {
        outcome: [step for step in steps if step.outcome == outcome]
        for outcome in ("ok", "failed", "skipped")
    }
    parts = [count_of(len(steps), "test")]
    if fine := by_outcome["ok"]:
        each = seconds(median(step.duration for step in fine))
        parts.append(f"{len(fine)} ok ({each} each)")
    parts += [
        f"{len(by_outcome[outcome])} {outcome}"
        for outcome in ("failed", "skipped")
        if by_outcome[outcome]
    ]
    return "; ".join(
        [f"preflight: {', '.join(parts)}", *_need(steps, workers), *_rerun(by_outcome["failed"])]
    )


def _rerun(failed: Sequence[TestedStep]) -> Iterator[str]:
    """How to run what failed, where ``--lf`` alone takes another tier."""
    tiers = {step.tier for step in failed if step.tier is not None}
    if tiers:
        commands = ["--lf"] if any(step.tier is None for step in failed) else []
        commands += [f"--lf --mlregress-tier={tier}" for tier in sorted(tiers)]
        yield f"to run what failed: {', then '.join(commands)}"


def _need(steps: Sequence[TestedStep], workers: int) -> Iterator[str]:
    """The memory that a whole run takes, as far as one step shows it."""
    peaks = [step.peak_memory for step in steps if step.peak_memory is not None]
    if not peaks:
        return
    most = max(peaks)
    together = most * max(1, workers)
    seeds = f"{workers} at once up to {in_bytes(together)}" if workers > 1 else ""
    machine = capacity({}).memory
    has = f"this machine has {in_bytes(machine)}" if machine is not None else ""
    yield ", ".join(filter(None, [f"a seed takes up to {in_bytes(most)} of memory", seeds, has]))
