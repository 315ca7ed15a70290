"""Generators that a training step or an evaluation puts back to one state."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from pytest_mlregress.bughunt.catalogue.evaluation import RNG_RESET
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.source_lines import of_function
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace
from pytest_mlregress.seeding import RandomState


@check(RNG_RESET, needs=("train_step",))
def rng_reset(context: HuntContext) -> Iterator[Finding]:
    """A training step leaves a generator where the step before left it: each repeats the noise.

    A generator that the step does not use stays where it was from the beginning and passes, as
    does one that is seeded anew with another seed in every step.
    """
    trace = context.step_trace
    start, *after = trace.random
    for name in ("torch", "numpy", "python"):
        if not _differ(start, after[0], name):
            continue
        if any(_differ(one, other, name) for one, other in itertools.pairwise(after)):
            continue
        yield _reset(context, "train_step", name, _seeding(trace, name, "step 1"))
    if context.program.evaluate is not None:
        yield from _reset_in_evaluate(context)


def _reset_in_evaluate(context: HuntContext) -> Iterator[Finding]:
    """Two evaluations that begin with different generators end with equal ones."""
    trace = context.step_trace
    if not trace.recorder.of_kind("seed", "evaluate"):
        return
    ends: list[RandomState] = []
    starts: list[RandomState] = []
    for seed in (0, 1):
        with context.isolated_run(seed=seed) as isolated:
            starts.append(RandomState.now())
            isolated.evaluate()
            ends.append(RandomState.now())
    for name in ("torch", "numpy", "python"):
        if _differ(starts[0], starts[1], name) and not _differ(ends[0], ends[1], name):
            yield _reset(context, "evaluate", name, _seeding(trace, name, "evaluate"))


def _differ(one: RandomState, other: RandomState, name: str) -> bool:
    return name in one.differences(other)


def _seeding(trace: StepTrace, name: str, phase: str) -> str | None:
    """The last seeding: an earlier one may be what draws its seed."""
    events = [e for e in trace.recorder.of_kind("seed", phase) if e.subject == name]
    return events[-1].location if events else None


def _reset(context: HuntContext, where: str, name: str, line: str | None) -> Finding:
    return RNG_RESET.finding(
        location=line or of_function(getattr(context.program, where)),
        evidence=f"{name}'s generator is in the same state after every call",
        where=where,
        name=name,
    )
