"""What the calls of torch mean for a training: random draws, losses, phases."""

from __future__ import annotations

from types import FrameType
from typing import Any, Final

import torch
from torch import nn

RANDOM: Final = frozenset(
    {
        *("rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like"),
        *("normal", "normal_", "uniform_", "random_", "bernoulli", "bernoulli_", "multinomial"),
        *("exponential_", "geometric_", "cauchy_", "log_normal_", "poisson", "manual_seed"),
        *("kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "xavier_normal_"),
        *("trunc_normal_", "orthogonal_", "sparse_"),
    }
)
"""Functions and methods that draw random numbers and nothing else."""

QUIET: Final = frozenset(
    {
        *("__get__", "__set__", "__repr__", "__format__", "__len__", "__bool__", "__hash__"),
        *("size", "dim", "numel", "stride", "is_contiguous", "ndimension", "element_size"),
        *("data_ptr", "storage_offset", "is_floating_point", "is_complex", "get_device"),
        *("requires_grad_", "detach_", "__dir__", "__reduce_ex__", "register_hook", "__deepcopy__"),
        *("untyped_storage", "storage", "_is_view", "type", "result_type", "is_tensor"),
        *("has_names", "is_same_size", "broadcast_shapes", "empty", "empty_like", "new_empty"),
        *("__contains__", "is_storage", "_make_subclass", "named_tensor", "retain_grad"),
    }
)
"""Calls that compute nothing; the contents of an empty tensor are whatever lay there."""

_IN_PLACE: Final = frozenset({"__iadd__", "__isub__", "__imul__", "__itruediv__", "__setitem__"})
_LOSSES: Final = frozenset(
    name for name in dir(nn.functional) if name.endswith(("_loss", "_entropy", "_with_logits"))
) | {"kl_div"}


def is_loss_module(module: nn.Module) -> bool:
    """Whether a module is a loss: torch's own, or named as one and without parameters.

    Args:
        module: the module.
    """
    kind = type(module)
    if kind.__module__ == "torch.nn.modules.loss":
        return True
    named = kind.__name__.endswith(("Loss", "Criterion"))
    return named and next(module.parameters(), None) is None


def phase_of_call(
    name: str,
    args: tuple[Any, ...],
    output: Any,
    frame: FrameType,
    context: tuple[bool, bool, bool, bool],
) -> str:
    """What a training is doing when it makes a call.

    Args:
        name: of the function.
        args: its positional arguments.
        output: what it returned.
        frame: that called it.
        context: whether a module runs, whether one has run with gradients in this step, whether any
            call with a gradient has, and whether the training has begun.

    Returns:
        A phase, or ``setup`` for what comes before the forward pass of a step, which the comparison
        tells apart.
    """
    in_module, module_seen, forward_seen, begun = context
    graded = isinstance(output, torch.Tensor) and output.requires_grad
    if _clips(frame):
        return "backward"
    in_place = (name.endswith("_") and not name.endswith("__")) or name in _IN_PLACE
    if in_place and args and _is_parameter(args[0]):
        return "optimizer" if begun else "initialisation"
    if not torch.is_grad_enabled():
        return "evaluation" if begun else "setup"
    if in_module:
        return "loss" if name in _LOSSES else "forward"
    if _constructs(frame):
        return "initialisation"
    if graded:
        return "loss" if _is_of_loss(name, output, module_seen, frame) else "forward"
    return "loss" if forward_seen else "setup"


def _is_of_loss(name: str, output: torch.Tensor, module_seen: bool, frame: FrameType) -> bool:
    if name in _LOSSES:
        return True
    owner = _owner(frame)
    if owner is not None:
        return is_loss_module(owner)
    return module_seen or output.dim() == 0


def _owner(frame: FrameType | None) -> nn.Module | None:
    """The module whose method made the call, if one did."""
    while frame is not None and "/torch/" in frame.f_code.co_filename:
        frame = frame.f_back
    owner = frame.f_locals.get("self") if frame is not None else None
    return owner if isinstance(owner, nn.Module) else None


def _is_parameter(value: Any) -> bool:
    return isinstance(value, nn.Parameter) or (
        isinstance(value, torch.Tensor) and value.is_leaf and value.requires_grad
    )


def _clips(frame: FrameType | None) -> bool:
    while frame is not None and "/torch/" in frame.f_code.co_filename:
        if _private_may_clip(frame.f_code.co_filename):
            return True
        frame = frame.f_back
    return False


def _private_may_clip(filename: str) -> bool:
    from pytest_mlregress.bughunt.torch_api import _private

    return _private.may_clip(filename)


def _constructs(frame: FrameType | None) -> bool:
    """Whether a module is being constructed, or one of its ``reset_parameters`` runs."""
    depth = 0
    while frame is not None and depth < 12:
        name = frame.f_code.co_name
        if name in ("__init__", "reset_parameters"):
            owner = frame.f_locals.get("self")
            if isinstance(owner, nn.Module):
                return True
        frame, depth = frame.f_back, depth + 1
    return False
