"""Autograd graphs that are kept or that get longer with every step."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from pytest_mlregress.bughunt.catalogue.gradients import GRAPH_GROWTH
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.source_lines import of_function
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace
from pytest_mlregress.bughunt.torch_api.operators import READS


@check(GRAPH_GROWTH, needs=("train_step",))
def graph_growth(context: HuntContext) -> Iterator[Finding]:
    """The graph behind the loss grows, or the graphs of the first steps still exist.

    It grows by the same amount in each of the first steps, or the graphs exist `LATER` on,
    wholly or in part: a hidden state that is kept holds what came before it, not the loss.

    So does that behind a tensor which a module holds in an attribute.
    """
    trace = context.step_trace
    yield from _held_by_modules(context)
    sizes = [
        sum(b.nodes for b in trace.log.backwards if b.phase == phase) for phase in trace.phases
    ]
    if not any(sizes):
        raise CannotTell("train_step makes no backward pass")
    growth = {later - earlier for earlier, later in itertools.pairwise(sizes)}
    grows = len(sizes) >= 4 and len(growth) == 1 and min(growth) > 0
    middle = [
        alive
        for backward, alive in zip(trace.log.backwards, trace.log.alive, strict=False)
        if backward.phase in trace.phases[1:-1]
    ]
    kept = len(middle) >= 2 and all(middle)
    if grows or kept:
        evidence = f"graph nodes per step: {', '.join(map(str, sizes))}"
        if kept:
            evidence += f"; the graphs of {len(middle)} earlier steps still exist"
        yield GRAPH_GROWTH.finding(location=_keeper(trace), evidence=evidence)


def _held_by_modules(context: HuntContext) -> Iterator[Finding]:
    held = [state.held_nodes for state in context.step_trace.states[1:]]
    growth = {later - earlier for earlier, later in itertools.pairwise(held)}
    if len(held) < 4 or len(growth) != 1 or min(growth) <= 0:
        return
    yield GRAPH_GROWTH.finding(
        "in an attribute",
        location=of_function(context.program.train_step),
        evidence=f"graph nodes behind the model's attributes after each step: "
        f"{', '.join(map(str, held))}",
    )


def _keeper(trace: StepTrace) -> str | None:
    """What the user's code does with the loss beside its backward pass."""
    backwards = trace.recorder.of_kind("backward", "step 0")
    for event in backwards:
        roots = event.subject if isinstance(event.subject, list | tuple) else [event.subject]
        for root in roots:
            readers = [
                call.location
                for call in trace.provenance.readers(root)
                if call.name not in READS and call.location != event.location
            ]
            if readers:
                return readers[-1]
    return backwards[0].location if backwards else None
