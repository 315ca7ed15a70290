"""Losses without a bottom: a term that should be small is made large."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from pytest_mlregress.bughunt.catalogue.losses import WRONG_LOSS_SIGN
from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import COMBINATIONS
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree

SCALES = (30.0, 900.0)
LINEAR = SCALES[1] / SCALES[0]
FAR = 100.0
MOST_HEADS = 6


@check(WRONG_LOSS_SIGN, cost="replay")
def falls_without_bound(context: HuntContext) -> Iterator[Finding]:
    """A last layer, made larger and larger, drives the loss down faster than in proportion.

    Squares, exponentials and negative log-densities grow like that, and then they must grow
    upward. Critics and log-likelihoods with a free scale fall too, but in proportion or slower.
    Policy gradients fall like a square where an advantage is negative: if the direction changes
    with the sign of numbers in the batch, the data decide it and nothing is said.
    """
    if any(finding.check == "wrong-loss-sign" for finding in context.findings):
        raise CannotTell("the sign of the loss is reported already")
    if len(context.loss_trace.isolated.optimizers) > 1:
        raise CannotTell("several optimizers: whose loss loss_fn is cannot be told")
    heads = _heads(context)
    context.afford((1 + 2 * len(heads)) * context.loss_trace.seconds)
    batch = context.program.fresh_batch
    for call, names in heads:
        values = _falls(context, names, batch())
        if values is not None and not _data_decide(context, names, batch()):
            yield WRONG_LOSS_SIGN.finding(
                "unbounded",
                module=names[0],
                location=_nearest_negative_line(context) or call.location,
                evidence=f"loss {values[0]:.4g}; {values[1]:.4g} and {values[2]:.4g} with "
                f"{names[0]} times {SCALES[0]:g} and {SCALES[1]:g}",
            )
            return


def _heads(context: HuntContext) -> list[tuple[RecordedCall, list[str]]]:
    """The calls with parameters that lead to the loss without another such call between."""
    trace = context.loss_trace
    names = {id(p): n for n, p in trace.isolated.model.named_parameters() if p.requires_grad}
    found: list[tuple[RecordedCall, list[str]]] = []
    seen: set[int] = set()
    queue: list[tuple[torch.Tensor, RecordedCall | None]] = [(trace.loss, None)]
    while queue and len(found) < MOST_HEADS:
        tensor, before = queue.pop(0)
        call = trace.provenance.producer(tensor, before)
        if call is None or call.order in seen:
            continue
        seen.add(call.order)
        own = [names[id(t)] for t in inputs(call) if isinstance(t, nn.Parameter) and id(t) in names]
        if own:
            found.append((call, own))
        else:
            queue += [(given, call) for given in inputs(call) if given.requires_grad]
    return found


def _falls(
    context: HuntContext, names: list[str], batch: PyTree
) -> tuple[float, float, float] | None:
    """The loss with parameters as they are and at two scales, if it falls faster and faster."""
    start = float(context.loss_trace.loss.detach())
    near = _loss(context, names, SCALES[0], batch)
    if not near < start:
        return None
    far = _loss(context, names, SCALES[1], batch)
    if math.isnan(far) or not far < near - FAR:
        return None
    faster = far == -math.inf or near - far > 5 * LINEAR * (start - near)
    return (start, near, far) if faster else None


def _data_decide(context: HuntContext, names: list[str], batch: PyTree) -> bool:
    """Whether the loss rises, or falls no longer, when some numbers of the batch are negated."""
    for path, leaf in pytrees.leaves(batch):
        if not isinstance(leaf, torch.Tensor) or not leaf.is_floating_point():
            continue
        negated = pytrees.replace(pytrees.fresh(batch), path, -leaf.detach())
        near, far = (_loss(context, names, s, pytrees.fresh(negated)) for s in (1.0, SCALES[1]))
        if not math.isnan(far) and not far < near - FAR:
            return True
    return False


def _loss(context: HuntContext, names: list[str], scale: float, batch: PyTree) -> float:
    """The loss with some parameters scaled; NaN where the program does not run with them."""
    with context.isolated_run() as isolated, torch.no_grad():
        parameters = dict(isolated.model.named_parameters())
        for name in names:
            parameters[name].mul_(scale)
        try:
            return float(isolated.loss(batch))
        except BughuntError:
            return math.nan


def _nearest_negative_line(context: HuntContext) -> str | None:
    """The first call on the way back from the loss whose output is not a mere total."""
    for call in context.loss_trace.provenance.behind(context.loss_trace.loss):
        if call.name not in COMBINATIONS:
            return call.location
    return None
