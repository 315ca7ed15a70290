"""Models that do not look at their input."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from pytest_mlregress.bughunt.catalogue.learning import CONSTANT_OUTPUT
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.torch_api import pytrees


@check(CONSTANT_OUTPUT, cost="replay")
def constant_output(context: HuntContext) -> Iterator[Finding]:
    """After training steps the model gives the same output whatever it is given.

    Each tensor of the batch is replaced in turn by its examples in another order; if no float
    output of the model moves, it does not look at its input. Never judged at the start
    (zero-initialised heads), nor where outputs come from noise drawn inside.
    """
    trace = context.training_trace
    context.afford(4 * trace.seconds)
    program, trained = context.program, trace.states[trace.count]
    with context.isolated_run() as isolated:
        with torch.no_grad():
            for name, parameter in isolated.model.named_parameters():
                parameter.copy_(trained.parameters[name])
            for name, buffer in isolated.model.named_buffers():
                buffer.copy_(trained.buffers[name])
        base = isolated.outputs(program.fresh_batch(), seed=0)
        if not base:
            raise CannotTell("the model's output holds no float tensor with examples")
        if not _alike(base, isolated.outputs(program.fresh_batch(), seed=1)):
            raise CannotTell("the model's output is random")
        tried = 0
        for path, leaf in pytrees.leaves(program.fresh_batch()):
            if not isinstance(leaf, torch.Tensor) or leaf.dim() == 0 or len(leaf) < 2:
                continue
            rolled = leaf.detach().roll(1, 0)
            if torch.equal(rolled, leaf):
                continue
            tried += 1
            moved = pytrees.replace(program.fresh_batch(), path, rolled)
            if not _alike(base, isolated.outputs(moved, seed=0)):
                return
    if not tried:
        raise CannotTell("the examples of the batch are all the same")
    yield CONSTANT_OUTPUT.finding(
        evidence=f"after {trace.count} steps the outputs are the same for examples in any order"
    )


def _alike(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return len(one) == len(other) and all(
        a.shape == b.shape and torch.allclose(a, b, rtol=1e-6, atol=1e-12, equal_nan=True)
        for a, b in zip(one, other, strict=True)
    )
