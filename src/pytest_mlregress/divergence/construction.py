"""Where modules, optimizers and learning-rate schedules were constructed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from pytest_mlregress.divergence.events import Frame
from pytest_mlregress.divergence.source_frames import FirstParty

Constructed = Callable[[Any, tuple[Frame, ...], bool], None]
"""Takes the object, the frames, and whether they are further ones of an object made before."""


@contextmanager
def constructions(first_party: FirstParty, constructed: Constructed) -> Iterator[None]:
    """Tell of each construction while the block runs.

    A module's own ``__init__`` is left out of its frames, so that the first is the line that asked
    for the module.

    Args:
        first_party: whose frames count.
        constructed: called with the object, the frames, innermost first, and whether they are those
            of a schedule that was made for it.

    Yields:
        Once, around the training.
    """
    with ExitStack() as exits:
        for kind in (nn.Module, Optimizer):
            exits.enter_context(_watched(kind, first_party, constructed))
        exits.enter_context(_scheduled(first_party, constructed))
        yield


@contextmanager
def _watched(kind: type[Any], first_party: FirstParty, constructed: Constructed) -> Iterator[None]:
    original = kind.__init__

    def constructing(self: Any, *arguments: Any, **keywords: Any) -> None:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_name == "__init__":
            if frame.f_locals.get("self") is not self:
                break
            frame = frame.f_back
        constructed(self, first_party.frames(frame), False)
        original(self, *arguments, **keywords)

    kind.__init__ = constructing
    try:
        yield
    finally:
        kind.__init__ = original


@contextmanager
def _scheduled(first_party: FirstParty, constructed: Constructed) -> Iterator[None]:
    """A schedule's lines belong to its optimizer, whose learning rate it moves."""
    original = LRScheduler.__init__

    def constructing(self: Any, optimizer: Any, *arguments: Any, **keywords: Any) -> None:
        constructed(optimizer, first_party.frames(sys._getframe(1)), True)
        original(self, optimizer, *arguments, **keywords)

    LRScheduler.__init__ = constructing  # type: ignore[method-assign]
    try:
        yield
    finally:
        LRScheduler.__init__ = original  # type: ignore[method-assign]
