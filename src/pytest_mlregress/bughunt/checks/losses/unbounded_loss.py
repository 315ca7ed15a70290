"""Losses without a bottom: a term that should be small is made large."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from pytest_mlregress.bughunt.catalogue.losses import WRONG_LOSS_SIGN
from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.recorder import Call
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.case import Case
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import COMBINATIONS
from pytest_mlregress.bughunt.torch_api.pytrees import Nest

SCALES = (30.0, 900.0)
LINEAR = SCALES[1] / SCALES[0]
FAR = 100.0
MOST_HEADS = 6


@check(WRONG_LOSS_SIGN, cost="replay")
def falls_without_bound(case: Case) -> Iterator[Finding]:
    """A last layer, made larger and larger, drives the loss down faster than in proportion.

    Squares, exponentials and negative log-densities grow like that, and then they must grow
    upward. Critics and log-likelihoods with a free scale fall too, but in proportion or slower.
    Policy gradients fall like a square where an advantage is negative: if the direction changes
    with the sign of numbers in the batch, the data decide it and nothing is said.
    """
    if any(finding.check == "wrong-loss-sign" for finding in case.findings):
        raise CannotTell("the sign of the loss is reported already")
    if len(case.loss_trace.world.optimizers) > 1:
        raise CannotTell("several optimizers: whose loss loss_fn is cannot be told")
    heads = _heads(case)
    case.afford((1 + 2 * len(heads)) * case.loss_trace.seconds)
    batch = case.subject.fresh_batch
    for call, names in heads:
        values = _falls(case, names, batch())
        if values is not None and not _data_decide(case, names, batch()):
            yield WRONG_LOSS_SIGN.finding(
                "unbounded",
                module=names[0],
                location=_nearest_negative_line(case) or call.location,
                evidence=f"loss {values[0]:.4g}; {values[1]:.4g} and {values[2]:.4g} with "
                f"{names[0]} times {SCALES[0]:g} and {SCALES[1]:g}",
            )
            return


def _heads(case: Case) -> list[tuple[Call, list[str]]]:
    """The calls with parameters that lead to the loss without another such call between."""
    trace = case.loss_trace
    names = {id(p): n for n, p in trace.world.model.named_parameters() if p.requires_grad}
    found: list[tuple[Call, list[str]]] = []
    seen: set[int] = set()
    queue: list[tuple[torch.Tensor, Call | None]] = [(trace.loss, None)]
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


def _falls(case: Case, names: list[str], batch: Nest) -> tuple[float, float, float] | None:
    """The loss with parameters as they are and at two scales, if it falls faster and faster."""
    start = float(case.loss_trace.loss.detach())
    near = _loss(case, names, SCALES[0], batch)
    if not near < start:
        return None
    far = _loss(case, names, SCALES[1], batch)
    if math.isnan(far) or not far < near - FAR:
        return None
    faster = far == -math.inf or near - far > 5 * LINEAR * (start - near)
    return (start, near, far) if faster else None


def _data_decide(case: Case, names: list[str], batch: Nest) -> bool:
    """Whether the loss rises, or falls no longer, when some numbers of the batch are negated."""
    for path, leaf in pytrees.leaves(batch):
        if not isinstance(leaf, torch.Tensor) or not leaf.is_floating_point():
            continue
        negated = pytrees.replace(pytrees.fresh(batch), path, -leaf.detach())
        near, far = (_loss(case, names, s, pytrees.fresh(negated)) for s in (1.0, SCALES[1]))
        if not math.isnan(far) and not far < near - FAR:
            return True
    return False


def _loss(case: Case, names: list[str], scale: float, batch: Nest) -> float:
    """The loss with some parameters scaled; NaN where the program does not run with them."""
    with case.world() as world, torch.no_grad():
        parameters = dict(world.model.named_parameters())
        for name in names:
            parameters[name].mul_(scale)
        try:
            return float(world.loss(batch))
        except BughuntError:
            return math.nan


def _nearest_negative_line(case: Case) -> str | None:
    """The first call on the way back from the loss whose output is not a mere total."""
    for call in case.loss_trace.provenance.behind(case.loss_trace.loss):
        if call.name not in COMBINATIONS:
            return call.location
    return None
