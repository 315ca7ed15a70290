"""The only place that touches torch's private parts, with the versions in which it was read.

Checked against torch 2.2 to 2.13. Calls that are patched are in `announced_calls` and, where
gradients are switched off, in `listening.no_grad_blocks`.
"""

from __future__ import annotations

from types import FrameType
from typing import Any, cast

import torch
from torch import overrides
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode
from torch.utils._device import DeviceContext

# torch.optim wraps every `step` in `Optimizer.profile_hook_step`, whose inner function has this
# name (2.0 to 2.13); calls below it are the optimizer's arithmetic, not the user's.
OPTIMIZER_STEP = "optimizer.wrapper"


def in_vmap() -> bool:
    """Whether ``torch.vmap`` is running: its tensors stand for many and have no values to read."""
    functorch = torch._C._functorch
    stack = functorch.get_interpreter_stack() or ()
    return any(level.key() == functorch.TransformType.Vmap for level in stack)


def leaf_of(node: Node) -> torch.Tensor | None:
    """The leaf tensor into which an ``AccumulateGrad`` node adds; None for other nodes."""
    variable = getattr(node, "variable", None)
    return variable if isinstance(variable, torch.Tensor) else None


def node_of(tensor: torch.Tensor) -> Node | None:
    """The autograd node of a tensor; None for views of which torch refuses to make one."""
    try:
        return tensor.grad_fn if tensor.requires_grad else None
    except RuntimeError:  # a view made without gradients, whose base was changed with gradients
        return None


def metadata(node: Node) -> dict[str, Any]:
    """The dictionary that lives as long as an autograd node; a property, typed as a method."""
    found: Any = node.metadata
    return cast("dict[str, Any]", found)


def saved(node: Node, name: str) -> Any:
    """What a node has saved, ``_saved_other``; None where it has nothing or it is gone."""
    try:
        return getattr(node, name, None)
    except RuntimeError:  # freed by an earlier backward pass, or changed in place since
        return None


def clips(frame: FrameType) -> bool:
    """Whether the frame that switches gradients off is that of a function that clips them.

    ``torch.nn.utils.clip_grad_norm_`` and its like run below ``_no_grad_wrapper`` (2.4 to 2.13).
    """
    return frame.f_code.co_name == "_no_grad_wrapper" and may_clip(frame.f_code.co_filename)


def may_clip(filename: str) -> bool:
    """Whether a file is that of the functions that clip gradients."""
    return "clip_grad" in filename


def is_active(mode: TorchFunctionMode) -> bool:
    """Whether a mode is on this thread's stack."""
    return mode in overrides._get_current_function_mode_stack()  # type: ignore[no-untyped-call]


def insert(mode: TorchFunctionMode) -> None:
    """Put a mode on this thread's stack, below those of the user's.

    On top of them it would be taken off in their place when their block ends. Only the mode of
    ``torch.set_default_device`` must stay the lowest (it asserts so, 2.6 to 2.13).
    """
    if is_active(mode):
        return
    stack = overrides._get_current_function_mode_stack()  # type: ignore[no-untyped-call]
    lowest = sum(isinstance(other, DeviceContext) for other in stack[:1])
    for _ in stack[lowest:]:
        overrides._pop_mode()  # type: ignore[no-untyped-call]
    for other in (mode, *stack[lowest:]):
        overrides._push_mode(other)  # type: ignore[no-untyped-call]


def remove(mode: TorchFunctionMode) -> None:
    """Take a mode off this thread's stack, wherever in it; the others keep their order."""
    if not is_active(mode):
        return
    above = []
    while (top := overrides._pop_mode()) is not mode:  # type: ignore[no-untyped-call]
        above.append(top)
    for other in reversed(above):
        overrides._push_mode(other)  # type: ignore[no-untyped-call]
