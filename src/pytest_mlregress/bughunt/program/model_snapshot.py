"""The state of a model, so that it can be put back."""

from __future__ import annotations

import torch
from torch import nn

from pytest_mlregress.bughunt.torch_api.sparse_tensors import equal


class ModelSnapshot:
    """Parameters, buffers, gradients, ``requires_grad`` and modes of a model at one moment.

    A model that ``make_model`` builds each time needs none of this. One that is returned every time
    (``lambda: model``) is the user's own and has to be restored; `ModelSource` tells the two apart
    from the second call on.
    """

    def __init__(self, model: nn.Module) -> None:
        self._modes = [(module, module.training) for module in model.modules()]
        self._parameters = [
            (p, p.detach().clone(), p.requires_grad, p.grad, _clone(p.grad))
            for p in model.parameters()
        ]
        self._buffers = [
            (module, name, buffer, _clone(buffer))
            for module in model.modules()
            for name, buffer in module.named_buffers(recurse=False)
        ]

    def restore(self) -> None:
        """Put everything back, in place."""
        with torch.no_grad():
            for module, training in self._modes:
                module.training = training
            for parameter, value, requires_grad, grad, grad_value in self._parameters:
                if not equal(parameter, value):
                    parameter.data.copy_(value)
                parameter.requires_grad_(requires_grad)
                if grad is not None and grad_value is not None and not equal(grad, grad_value):
                    grad.copy_(grad_value)
                parameter.grad = grad
            for module, name, buffer, buffer_value in self._buffers:
                if buffer_value is not None and not equal(buffer, buffer_value):
                    buffer.copy_(buffer_value)
                setattr(module, name, buffer)


def _clone(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor.detach().clone()
