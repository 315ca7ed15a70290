"""Does the model use what it has: named components whose removal must matter."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from pytest_mlregress.bughunt.catalogue.parameters import UNUSED_COMPONENT
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.changed_rows import changed
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace
from pytest_mlregress.bughunt.torch_api import pytrees

Replacement = Callable[[torch.Tensor], torch.Tensor]


@check(UNUSED_COMPONENT, cost="replay", needs=("ablate",))
def unused_component(context: HuntContext) -> Iterator[Finding]:
    """A component named in ``ablate=`` does not matter to the loss, or gets no gradient.

    Judged in the state after some steps, in which gates that begin at zero have opened: its
    output is replaced by zeros, then by another example's, and the loss must change with one of
    the two; in some step one of its trainable parameters must have got a gradient.
    """
    trace = context.training_trace
    for name in context.program.ablate:
        module = dict(trace.isolated.model.named_modules()).get(name)
        if module is None:
            yield _unknown(trace.isolated.model, name)
            continue
        influence = _influence(context, trace, name)
        if influence is None:
            yield _finding(trace, name, "never runs", "its forward is not called")
        elif influence[0] == influence[1]:
            evidence = f"the loss is {influence[0]:.6g} with it and without it, after training"
            yield _finding(trace, name, "", evidence)
        elif _without_gradient(trace, name, module):
            evidence = f"no gradient in {len(trace.log.applied)} optimizer steps"
            yield _finding(trace, name, "no gradient", evidence)


def _unknown(model: nn.Module, name: str) -> Finding:
    near = difflib.get_close_matches(name, dict(model.named_modules()), n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "see named_modules()"
    return UNUSED_COMPONENT.finding("unknown", name=repr(name), hint=hint)


def _influence(context: HuntContext, trace: StepTrace, name: str) -> tuple[float, float] | None:
    """(loss with the component, loss without), equal if it has none; None if it never ran."""
    whole, ran = _loss(context, trace, name, None)
    if not ran:
        return None
    for replacement in (torch.zeros_like, _of_another_example):
        without, _ = _loss(context, trace, name, replacement)
        if bool(changed(torch.tensor(whole), torch.tensor(without))):
            return whole, without
    return whole, whole


def _loss(
    context: HuntContext, trace: StepTrace, name: str, replacement: Replacement | None
) -> tuple[float, bool]:
    """The loss in the state after training, a component's output replaced; whether it ran."""
    state = trace.states[trace.count]
    ran: list[nn.Module] = []

    def replaced(module: nn.Module, arguments: Any, output: Any) -> Any:
        ran.append(module)
        return output if replacement is None else pytrees.map_tensors(_floats(replacement), output)

    with context.isolated_run() as isolated:
        with torch.no_grad():
            for key, tensor in (
                *isolated.model.named_parameters(),
                *isolated.model.named_buffers(),
            ):
                saved = state.parameters.get(key, state.buffers.get(key))
                if saved is None or saved.shape != tensor.shape:
                    raise CannotTell(f"{key} changes its shape while training")
                tensor.copy_(saved)
        handle = isolated.model.get_submodule(name).register_forward_hook(replaced)
        try:
            return float(isolated.loss().detach()), bool(ran)
        finally:
            handle.remove()


def _floats(replacement: Replacement) -> Replacement:
    return lambda tensor: replacement(tensor) if tensor.is_floating_point() else tensor


def _of_another_example(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.roll(1, 0) if tensor.dim() else tensor + 1


def _without_gradient(trace: StepTrace, name: str, module: nn.Module) -> bool:
    own = [f"{name}.{key}" for key, p in module.named_parameters() if p.requires_grad]
    gradients = [applied.gradients.get(key) for applied in trace.log.applied for key in own]
    return bool(own) and not any(g is not None and bool((g != 0).any()) for g in gradients)


def _finding(trace: StepTrace, name: str, variant: str, evidence: str) -> Finding:
    return UNUSED_COMPONENT.finding(
        variant,
        module=name,
        location=trace.isolated.built_at(trace.isolated.model.get_submodule(name)),
        evidence=evidence,
        name=name,
    )
