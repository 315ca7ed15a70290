"""Parameters that are not trained: unregistered, unowned, frozen, cut off or unused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from pytest_mlregress.bughunt.catalogue.parameters import (
    FROZEN_PARAMETER,
    OPTIMIZER_MISSES_PARAMETERS,
    UNREGISTERED_PARAMETERS,
)
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.source_lines import of_function
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace
from pytest_mlregress.bughunt.torch_api.autograd_graph import walk
from pytest_mlregress.bughunt.torch_api.unregistered_tensors import hidden_tensors


@check(UNREGISTERED_PARAMETERS)
def unregistered_parameters(context: HuntContext) -> Iterator[Finding]:
    """The gradient reaches a tensor that the model holds without knowing it as a parameter.

    Leaves of the loss's graph that are in no ``parameters()`` but in a plain list, dict or
    attribute of a module. A frozen helper hidden on purpose gets no gradient and passes.
    """
    trace = context.loss_trace
    model = trace.isolated.model
    registered = {id(p) for p in model.parameters()}
    owned = {id(p) for o in trace.isolated.optimizers for g in o.param_groups for p in g["params"]}
    hidden = hidden_tensors(model)
    reported: set[str] = set()
    for key, leaf in walk([trace.loss]).leaves.items():
        if key in registered or key not in hidden:
            continue
        name, module = hidden[key]
        container = name.partition("[")[0]
        if container in reported:
            continue
        reported.add(container)
        first = next((c for c in trace.calls if any(t is leaf for t in inputs(c))), None)
        yield UNREGISTERED_PARAMETERS.finding(
            severity="warning" if key in owned else "error",
            module=name,
            location=(trace.isolated.built_at(module) if module is not None else None)
            or (first.location if first is not None else None),
            evidence=f"a tensor of shape {tuple(leaf.shape)} gets a gradient and is not in "
            f"model.parameters(): neither optimized, moved nor saved",
            name=name,
        )


@check(OPTIMIZER_MISSES_PARAMETERS, needs=("make_optimizer",))
def optimizer_misses_parameters(context: HuntContext) -> Iterator[Finding]:
    """Parameters of the model that the loss reaches and that no optimizer owns.

    With a train_step, they must be reached in two different steps and never move (a tensor that
    the user updates by hand moves).
    """
    if context.program.train_step is not None:
        yield from _missed_in_steps(context)
        return
    trace = context.loss_trace
    owned = {id(p) for o in trace.isolated.optimizers for g in o.param_groups for p in g["params"]}
    if not owned:
        raise CannotTell("make_optimizer gave no torch optimizer")
    names = {id(p): n for n, p in trace.isolated.model.named_parameters()}
    reached = [names[k] for k in walk([trace.loss]).leaves if k in names]
    missed = [n for n in reached if id(trace.isolated.model.get_parameter(n)) not in owned]
    yield from _missed(context, missed, len(reached))


def _missed_in_steps(context: HuntContext) -> Iterator[Finding]:
    trace = context.step_trace
    if not trace.log.applied:
        raise CannotTell("train_step never called a torch optimizer's step")
    owned = {id(p) for o in trace.optimizers for g in o.param_groups for p in g["params"]}
    names = {id(p): n for n, p in trace.isolated.model.named_parameters()}
    by_phase: dict[str, set[str]] = {}
    for backward in trace.log.backwards:
        reached = {names[k] for k in backward.leaves if k in names}
        by_phase.setdefault(backward.phase, set()).update(reached)
    counts = {n: sum(n in reached for reached in by_phase.values()) for n in names.values()}
    first, last = trace.states[-2].parameters, trace.states[-1].parameters
    missed = [
        name
        for key, name in names.items()
        if key not in owned and counts[name] >= 2 and _stayed(first.get(name), last.get(name))
    ]
    yield from _missed(context, missed, sum(count > 0 for count in counts.values()))
    yield from _never_stepped(context)


def _never_stepped(context: HuntContext) -> Iterator[Finding]:
    """An optimizer never steps while another one steps in its place.

    In every call the other steps twice, the later time right after a backward pass that reaches
    the parameters of the idle one.

    An optimizer that waits for its turn (a generator after five steps of the critic) passes:
    no other steps twice in its place.
    """
    trace = context.step_trace
    stepped = {id(applied.optimizer) for applied in trace.log.applied}
    for idle in (o for o in trace.isolated.optimizers if id(o) not in stepped):
        own = {id(p) for group in idle.param_groups for p in group["params"]}
        wrong = [_in_place_of(trace, phase, own) for phase in trace.phases]
        if own and wrong and all(wrong):
            names = {id(p): n for n, p in trace.isolated.model.named_parameters()}
            waiting = [names[key] for key in names if key in own]
            yield OPTIMIZER_MISSES_PARAMETERS.finding(
                "never steps",
                module=waiting[0] if waiting else None,
                location=wrong[0],
                evidence=f"{type(idle).__name__} with {len(own)} parameters made no step in "
                f"{trace.count} calls of train_step; after the backward pass that reaches them "
                "another optimizer stepped for the second time",
            )


def _in_place_of(trace: StepTrace, phase: str, own: set[int]) -> str | None:
    """Where an optimizer makes its second step of a call after a pass that reaches `own`.

    The backward pass since its first step reaches these parameters of another optimizer.
    """
    passes = [b for b in trace.log.backwards if b.phase == phase]
    first: dict[int, int] = {}
    for applied in (a for a in trace.log.applied if a.phase == phase):
        before = first.setdefault(id(applied.optimizer), applied.order)
        between = [b for b in passes if before < b.order < applied.order]
        if between and not own.isdisjoint(between[-1].leaves):
            return applied.location
    return None


def _stayed(before: torch.Tensor | None, after: torch.Tensor | None) -> bool:
    """Whether a parameter kept its value; one that was not there before has no value to keep."""
    return (
        before is None or after is None or before.shape != after.shape or torch.equal(before, after)
    )


def _missed(context: HuntContext, missed: list[str], reached: int) -> Iterator[Finding]:
    if not missed:
        return
    yield OPTIMIZER_MISSES_PARAMETERS.finding(
        module=missed[0],
        location=_optimizer_line(context),
        evidence=f"{len(missed)} of {reached} reached parameters: {', '.join(missed[:4])}"
        + (", …" if len(missed) > 4 else ""),
    )


def _optimizer_line(context: HuntContext) -> str | None:
    """Where the optimizer was made; of several, one that owns only what another owns already."""
    made = context.loss_trace.recorder.of_kind("optimizer", "make_optimizer")
    seen: set[int] = set()
    for event in made:
        own = {id(p) for group in event.subject.param_groups for p in group["params"]}
        if own <= seen:
            return event.location
        seen |= own
    return made[0].location if made else of_function(context.program.make_optimizer)


@check(FROZEN_PARAMETER)
def frozen_parameter(context: HuntContext) -> Iterator[Finding]:
    """Parameters that cannot learn although the program says that they should.

    Three contradictions: a module with a ``requires_grad`` attribute of its own, which torch
    never reads; parameters picked for the optimizer that are frozen, while other frozen ones were
    left out; parameters that were trained and then stay frozen.
    """
    yield from _misplaced_flags(context)
    yield from _picked_but_frozen(context)
    if context.program.train_step is not None:
        yield from _frozen_on_the_way(context)


def _misplaced_flags(context: HuntContext) -> Iterator[Finding]:
    for name, module in context.loss_trace.isolated.model.named_modules():
        flag: Any = vars(module).get("requires_grad")
        parameters = list(module.parameters())
        if isinstance(flag, bool) and any(p.requires_grad != flag for p in parameters):
            yield FROZEN_PARAMETER.finding(
                "attribute of a module",
                module=name,
                location=of_function(context.program.make_model),
                evidence=f"{sum(p.requires_grad != flag for p in parameters)} of "
                f"{len(parameters)} parameters have requires_grad = {not flag}",
                name=name or "model",
                flag=flag,
            )


def _picked_but_frozen(context: HuntContext) -> Iterator[Finding]:
    isolated = context.loss_trace.isolated
    owned = {id(p) for o in isolated.optimizers for g in o.param_groups for p in g["params"]}
    frozen = {n: p for n, p in isolated.model.named_parameters() if not p.requires_grad}
    picked = [n for n, p in frozen.items() if id(p) in owned]
    trained = any(p.requires_grad and id(p) in owned for p in isolated.model.parameters())
    if picked and trained and len(picked) < len(frozen):
        made = context.loss_trace.recorder.of_kind("optimizer", "make_optimizer")
        yield FROZEN_PARAMETER.finding(
            "given to the optimizer",
            module=picked[0],
            location=context.loss_trace.isolated.assigned_at(picked[0])
            or (made[0].location if made else None),
            evidence=f"{len(picked)} of {len(frozen)} frozen parameters are in the optimizer: "
            f"{', '.join(picked[:4])}",
        )


def _frozen_on_the_way(context: HuntContext) -> Iterator[Finding]:
    trace = context.step_trace
    first = trace.states[0].requires_grad
    last = (trace.resumed or trace.states[-1]).requires_grad  # a step may thaw what it trains
    owned = {n for a in trace.log.applied for n in a.gradients}
    lost = [n for n, trains in first.items() if trains and n in owned and not last.get(n, True)]
    if not lost:
        return
    in_evaluate = trace.evaluation is not None and all(
        trace.evaluation[0].requires_grad.get(n) for n in lost
    )
    culprit = context.program.evaluate if in_evaluate else context.program.train_step
    yield FROZEN_PARAMETER.finding(
        module=lost[0],
        location=of_function(culprit),
        evidence=f"{len(lost)} parameters lost requires_grad in "
        f"{'evaluate' if in_evaluate else 'train_step'}: {', '.join(lost[:4])}",
    )
