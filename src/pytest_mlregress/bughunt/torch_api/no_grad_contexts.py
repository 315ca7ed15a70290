"""Where gradients are switched off: ``torch.no_grad`` and ``torch.inference_mode``, announced."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, Protocol

import torch


class ContextListener(Protocol):
    """Who wants to know when gradients are switched off.

    Attributes:
        boring: names of the files whose doings are of no interest.
        current: the context whose end is waited for.
    """

    boring: set[str]
    current: Any

    def enter(self, context: Any, frame: FrameType) -> None:
        """A context is about to be entered, by the code of `frame`."""

    def leave(self) -> None:
        """The current context is about to be left."""


@contextlib.contextmanager
def no_grad_contexts(listener: ContextListener) -> Iterator[None]:
    """Tell when ``torch.no_grad`` or ``torch.inference_mode`` is entered or left.

    torch itself enters them several times in every training step, so this is made to cost next
    to nothing for boring files and for contexts that are not the current one. Of a decorated
    function the frame that calls it counts.
    """
    with contextlib.ExitStack() as exits:
        for context in (torch.no_grad, torch.inference_mode):
            enter: Any = context.__enter__
            leave: Any = context.__exit__
            for name, new in (
                ("__enter__", _telling_enter(enter, listener)),
                ("__exit__", _telling_exit(leave, listener)),
            ):
                exits.callback(setattr, context, name, vars(context)[name])
                setattr(context, name, new)
        yield


def _telling_enter(original: Any, listener: ContextListener) -> Any:
    @functools.wraps(original)
    def enter(self: Any) -> Any:
        frame: Any = sys._getframe(1)
        if frame.f_code.co_name == "decorate_context":
            frame = frame.f_back
        if frame.f_code.co_filename not in listener.boring:
            listener.enter(self, frame)
        return original(self)

    return enter


def _telling_exit(original: Any, listener: ContextListener) -> Any:
    @functools.wraps(original)
    def leave(self: Any, kind: Any, error: Any, traceback: Any) -> Any:
        if self is listener.current:
            listener.leave()
        return original(self, kind, error, traceback)

    return leave
