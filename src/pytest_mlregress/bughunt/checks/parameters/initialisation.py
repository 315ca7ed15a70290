"""Layers that start alike and can never become different."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import nn

from pytest_mlregress.bughunt.catalogue.parameters import SHARED_INIT, SYMMETRIC_INIT, TARGET_ALIAS
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace

_LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


@check(SYMMETRIC_INIT)
def symmetric_init(context: HuntContext) -> Iterator[Finding]:
    """All units of a layer have the same weights at the start and still after training steps.

    One step proves nothing: a zero-initialised head takes its rows apart at the first one. Rows
    that only a bias tells apart are equal at the start and not zero: a warning.
    """
    trace = context.training_trace
    _require_movement(trace)
    first, last = trace.states[0].parameters, trace.states[trace.count].parameters
    alike = [
        name
        for name in first
        if _is_layer_weight(trace, name)
        and trace.states[0].requires_grad[name]
        and _rows_alike(first[name])
    ]
    for_good = [name for name in alike if _rows_alike(last[name])]
    constant = [name for name in alike if bool(first[name].any()) and len(first[name]) > 2]
    for name in (for_good or constant)[:1]:
        yield SYMMETRIC_INIT.finding(
            "" if for_good else "at the start",
            module=name,
            location=trace.isolated.initialised_at(name),
            evidence=f"the {len(first[name])} rows of {name} are equal at the start"
            + (f" and after {trace.count} steps" if for_good else ""),
        )


@check(SHARED_INIT)
def shared_init(context: HuntContext) -> Iterator[Finding]:
    """Separate parameters that learn but are always equal, or that share one memory.

    Copies that start alike and part at the first step (layers of nn.TransformerEncoder) pass, as
    do copies that follow without gradient (targets, moving averages).
    """
    trace = context.training_trace
    yield from _one_memory(trace)
    yield from _repeated_modules(trace)
    _require_movement(trace)
    first, last = trace.states[0].parameters, trace.states[trace.count].parameters
    learning = [n for n in first if _learns(trace, n) and _is_random(first[n])]
    for one, other in itertools.combinations(learning, 2):
        if not _equal(first[one], first[other]) or not _equal(last[one], last[other]):
            continue
        if torch.equal(first[one], last[one]):
            continue
        yield SHARED_INIT.finding(
            module=other,
            location=trace.isolated.initialised_at(other),
            evidence=f"bit-equal before and after {trace.count} steps, both with gradients",
            one=one,
            other=other,
        )
        return


def _one_memory(trace: StepTrace) -> Iterator[Finding]:
    seen: dict[int, str] = {}
    for name, parameter in trace.isolated.model.named_parameters():
        if not parameter.numel() or parameter.is_meta:
            continue
        earlier = seen.setdefault(parameter.data_ptr(), name)
        if earlier == name:
            continue
        both = parameter.requires_grad and trace.isolated.model.get_parameter(earlier).requires_grad
        yield (SHARED_INIT if both else TARGET_ALIAS).finding(
            "one memory",
            module=name,
            location=trace.isolated.assigned_at(name),
            evidence=f"both begin at address {parameter.data_ptr():#x}",
            one=earlier,
            other=name,
        )
        return


def _repeated_modules(trace: StepTrace) -> Iterator[Finding]:
    """``nn.ModuleList([layer] * n)``: one layer, n names."""
    for path, container in trace.isolated.model.named_modules():
        if not isinstance(container, nn.Sequential | nn.ModuleList):
            continue
        children = [child for child in container if child is not None]  # registered as absent
        for child in children:
            count = sum(other is child for other in children)
            if count > 1 and any(True for _ in child.parameters()):
                yield SHARED_INIT.finding(
                    "one layer",
                    module=path,
                    location=trace.isolated.built_at(container),
                    evidence=f"{count} of {len(children)} entries are one {type(child).__name__}",
                    path=path or "the model",
                    count=count,
                )
                return


def _require_movement(trace: StepTrace) -> None:
    first, last = trace.states[0].parameters, trace.states[trace.count].parameters
    if all(torch.equal(first[name], last[name]) for name in first if name in last):
        raise CannotTell("no parameter moves in training")


def _is_layer_weight(trace: StepTrace, name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    try:
        owner = trace.isolated.model.get_submodule(module)
    except AttributeError:  # the training replaced the layer
        return False
    return attribute == "weight" and isinstance(owner, _LAYERS)


def _rows_alike(weight: torch.Tensor) -> bool:
    return len(weight) > 1 and torch.equal(weight, weight[:1].expand_as(weight))


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


def _is_random(values: torch.Tensor) -> bool:
    return values.numel() >= 4 and bool((values != values.flatten()[0]).any())


def _learns(trace: StepTrace, name: str) -> bool:
    gradients = [a.gradients.get(name) for a in trace.log.applied]
    return any(g is not None and bool(g.any()) for g in gradients)
