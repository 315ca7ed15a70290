"""Which values a loss input can take at all, found by making the last layer extreme."""

from __future__ import annotations

import torch
from torch import nn

from pytest_mlregress.bughunt.case import Case
from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.losses import EXPECTS, LossCall
from pytest_mlregress.bughunt.provenance import inputs
from pytest_mlregress.bughunt.recorder import Recorder

_EXTREME = 1e4


def attainable_range(case: Case, loss: LossCall) -> tuple[float, float]:
    """Smallest and largest loss input when the parameters nearest to it are huge and random.

    A bounded range is a property of the function between the last layer and the loss, not of the
    numbers that happen to be there now (a zero-initialised head says 0 everywhere).

    Raises:
        CannotTell: no parameter of the model is near, or the program fails with such values.
    """
    nearest = _nearest_parameters(case, loss)
    if not nearest:
        raise CannotTell("no parameter of the model leads to the loss input")
    position = [c.order for c in case.loss_trace.calls if c.name in EXPECTS].index(loss.call.order)
    recorder = Recorder(phase="loss")
    with case.world(recorder=recorder) as world:
        with torch.no_grad():
            for name, parameter in world.model.named_parameters():
                if name in nearest:
                    parameter.normal_(std=_EXTREME)
        try:
            world.loss()
        except BughuntError as error:
            raise CannotTell("the program fails with a huge last layer") from error
        seen = [call for call in recorder.calls if call.name in EXPECTS]
        values = inputs(seen[position])[0].detach()
    return float(values.min()), float(values.max())


def _nearest_parameters(case: Case, loss: LossCall) -> set[str]:
    """Names of the model's parameters in the last call before the loss that had any."""
    names = {id(p): name for name, p in case.loss_trace.world.model.named_parameters()}
    for call in loss.provenance.behind(loss.input, loss.call):
        found = {
            names[id(t)] for t in inputs(call) if isinstance(t, nn.Parameter) and id(t) in names
        }
        if found:
            return found
    return set()
