"""Modes that see every call of torch, with one method to write, and which modules are running."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode


class CallMode(TorchFunctionMode):
    """A torch function mode whose `on_call` stands for the call."""

    def on_call(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        """Make the call, or something else in its place, and return what it is to return."""
        return function(*arguments, **keywords)

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        return self.on_call(func, args, kwargs or {})


class ModuleStack(list[nn.Module]):
    """The modules that run now, outermost first, kept by forward hooks.

    A module that raised, and whose hook did not run, is taken off with the module around it.
    """

    def enter(self, module: nn.Module) -> bool:
        """A module begins to run; whether it is the outermost."""
        self.append(module)
        return len(self) == 1

    def leave(self, module: nn.Module) -> bool:
        """A module has run, and all that it ran; whether it was the outermost."""
        while self and self.pop() is not module:
            pass
        return not self
