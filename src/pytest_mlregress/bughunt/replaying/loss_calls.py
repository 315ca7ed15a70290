"""The loss functions of torch: which argument is the input, which the target, what each expects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import Provenance, inputs
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.torch_api.loss_functions import EXPECTS, Expects
from pytest_mlregress.bughunt.torch_api.operators import CLASS_LOSSES


@dataclass(frozen=True)
class LossCall:
    """One call of a loss function, with its two main arguments, or one difference of the two."""

    call: RecordedCall
    input: torch.Tensor
    target: torch.Tensor
    provenance: Provenance

    @property
    def name(self) -> str:
        """Name of the loss function."""
        return self.call.name

    @property
    def expects(self) -> Expects:
        """What its input should be."""
        return EXPECTS.get(self.name, "values")

    @property
    def class_axis(self) -> int:
        """The axis of the input along which the classes lie."""
        if self.name in CLASS_LOSSES:
            return 0 if self.input.dim() == 1 else 1
        return self.input.dim() - 1


def loss_calls(context: HuntContext) -> list[LossCall]:
    """The loss calls of ``loss_fn`` and of the first ``train_step``, in order.

    Raises:
        CannotTell: there are none; the loss is computed by hand.
    """
    found = list(_of(context.loss_trace.calls, context.loss_trace.provenance))
    known = {(loss.name, loss.call.location) for loss in found}
    found += [
        loss for loss in loss_calls_of_step(context) if (loss.name, loss.call.location) not in known
    ]
    if not found:
        raise CannotTell("no loss function of torch was called")
    return found


def loss_calls_of_step(context: HuntContext) -> list[LossCall]:
    """All loss calls of the first ``train_step``, in order; none without a ``train_step``."""
    if context.program.train_step is None:
        return []
    trace = context.step_trace
    first = [call for call in trace.recorder.calls if call.phase == "step 0"]
    return list(_of(first, trace.provenance))


def made_by_parameters(provenance: Provenance, tensor: torch.Tensor, before: RecordedCall) -> bool:
    """Whether a target comes from a network (a teacher, a target network) and not from data."""
    makers = provenance.behind(tensor, before)
    return any(isinstance(t, torch.nn.Parameter) for call in makers for t in inputs(call))


def _of(calls: list[RecordedCall], provenance: Provenance) -> Iterator[LossCall]:
    for call in calls:
        if call.name not in EXPECTS:
            continue
        given, target = call.argument(0, "input"), call.argument(1, "target")
        if call.name == "ctc_loss":
            given, target = call.argument(0, "log_probs"), call.argument(1, "targets")
        if isinstance(given, torch.Tensor) and isinstance(target, torch.Tensor):
            yield LossCall(call, given, target, provenance)
