"""Target networks that are the trained network itself, not a copy."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from pytest_mlregress.bughunt.catalogue.parameters import TARGET_ALIAS
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace


@check(TARGET_ALIAS)
def target_alias(context: HuntContext) -> Iterator[Finding]:
    """A parameter under two names is run both with gradients and, as a target, without.

    The target is then not a slow copy but the very network that is trained. Tied weights run with
    gradients under both names.
    """
    trace = context.training_trace
    model = trace.isolated.model
    modes: dict[int, set[bool]] = {}
    for event in trace.recorder.of_kind("forward", "step 0"):
        modes.setdefault(id(event.subject), set()).add(event.detail.grad)
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    for aliases in names.values():
        if len({name.split(".")[0] for name in aliases}) < 2:
            continue
        owners = [model.get_submodule(name.rpartition(".")[0]) for name in aliases]
        grads = [modes.get(id(owner), set()) for owner in owners]
        same = len({id(owner) for owner in owners}) == 1 and grads[0] == {True, False}
        if same or ({False} in grads and any(True in grad for grad in grads)):
            one, other = aliases[0], aliases[1]
            yield TARGET_ALIAS.finding(
                module=other,
                location=_alias_line(trace, other, owners[1]),
                evidence="the same parameter is run with gradients and without in one step",
                other=other,
                one=one,
            )
            return


def _alias_line(trace: StepTrace, name: str, owner: nn.Module) -> str | None:
    """Where the parameter was assigned by name, or else the part of the model that holds it."""
    top = name.split(".")[0]
    shared = owner in trace.isolated.model.get_submodule(top).modules()
    own = trace.isolated.assigned_at(name)
    return (
        trace.isolated.assigned_at(top) if shared and own == trace.isolated.built_at(owner) else own
    )
