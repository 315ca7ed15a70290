"""Generators that a training step or an evaluation puts back to one state."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch

from pytest_mlregress.bughunt.catalogue.evaluation import RNG_RESET
from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.source_lines import of_function
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying import batch_resizing
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace
from pytest_mlregress.bughunt.torch_api.announced_calls import announced
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree
from pytest_mlregress.seeding import RandomState, seed_python_numpy_torch

GENERATORS: Final = ("torch", "numpy", "python")
OTHER_SEED: Final = 1_234_567

Change = Callable[[PyTree], PyTree]


@check(RNG_RESET, needs=("train_step",))
def rng_reset(context: HuntContext) -> Iterator[Finding]:
    """Every training step leaves a generator in one state, from wherever it begins.

    A generator that is not used stays where it was, and passes, as does one whose seeds differ
    from step to step. That states agree proves nothing yet: noise that is drawn once, in the first
    step, leaves them alike too. So the second step is replayed from another state of the
    generators, and only one that is put back ends where it did.
    """
    trace = context.step_trace
    start, *after = trace.random
    alike = [
        name
        for name in GENERATORS
        if _differ(start, after[0], name)
        and not any(_differ(one, other, name) for one, other in itertools.pairwise(after))
    ]
    if alike:
        moved = _second_step(context)
        for name in alike:
            if not _differ(after[1], moved.end, name) and not _follows_the_batch(context, name):
                yield _reset(context, "train_step", name, _seeding(trace, name, "step 1"))
    if context.program.evaluate is not None:
        yield from _reset_in_evaluate(context)


@dataclass(frozen=True)
class _Repetition:
    """A step or an evaluation from another state of the generators.

    Attributes:
        end: the state in which it left them.
        seeds: what it seeded each of them with last, by name, as far as it did.
    """

    end: RandomState
    seeds: dict[str, Any]


def _second_step(context: HuntContext, change: Change = lambda batch: batch) -> _Repetition:
    """The second step after the same first one, with other generators and a changed batch."""
    context.afford(2 * context.step_trace.seconds)
    with context.isolated_run() as isolated:
        first, second = context.program.training_batches(2)
        isolated.step(first)
        seed_python_numpy_torch(OTHER_SEED)
        return _repeat(lambda: isolated.step(change(second)))


def _repeat(run: Callable[[], Any]) -> _Repetition:
    seeds: dict[str, Any] = {}
    note = seeds.__setitem__
    with announced({"seed": note, "other_seed": note, "generator_state": note}):
        run()
    return _Repetition(RandomState.now(), seeds)


def _follows_the_batch(context: HuntContext, name: str) -> bool:
    """Whether a step seeds a generator by the content of its batch: fixed noise for each example.

    The hunt may have a single batch, and then such seeds agree from step to step.
    """
    events = context.step_trace.recorder.of_kind("seed", "step 1")
    seeds = [event.detail for event in events if event.subject == name]
    if not seeds:
        return False

    def repeating(example: int) -> Change:
        def repeat(batch: PyTree) -> PyTree:
            examples = batch_resizing.examples_of(batch)
            return examples.select(batch, torch.full((examples.count,), example))

        return repeat

    try:  # twice, since the sum of the batch may happen to stay
        others = [_second_step(context, repeating(k)).seeds.get(name) for k in (0, 1)]
    except (BughuntError, CannotTell):  # the batch cannot be changed
        return False
    return any(_plain(seeds[-1]) != _plain(other) for other in others)


def _plain(seed: Any) -> str:
    return repr(seed.tolist() if hasattr(seed, "tolist") else seed)


def _reset_in_evaluate(context: HuntContext) -> Iterator[Finding]:
    """Two evaluations that begin with different generators end with equal ones.

    Evaluations that seed by how far the training is end with equal ones too, at one stage of it.
    """
    trace = context.step_trace
    events = trace.recorder.of_kind("seed", "evaluate")
    if not events:
        return
    later = {event.subject: event.detail for event in events}
    ends: list[_Repetition] = []
    starts: list[RandomState] = []
    for seed in (0, 1):
        with context.isolated_run(seed=seed) as isolated:
            starts.append(RandomState.now())
            ends.append(_repeat(isolated.evaluate))
    for name in GENERATORS:
        if not _differ(starts[0], starts[1], name) or _differ(ends[0].end, ends[1].end, name):
            continue
        if _plain(later.get(name)) == _plain(ends[0].seeds.get(name)):
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
