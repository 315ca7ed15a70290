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

Constructed = Callable[[Any, tuple[Frame, ...]], None]


@contextmanager
def constructions(first_party: FirstParty, constructed: Constructed) -> Iterator[None]:
    """Tell of each construction while the block runs.

    A module's own ``__init__`` is left out of its frames, so that the first is the line that asked
    for the module.

    Args:
        first_party: whose frames count.
        constructed: called with the object and the frames, innermost first.

    Yields:
        Once, around the training.
    """
    with ExitStack() as exits:
        for kind in (nn.Module, Optimizer):
            exits.enter_context(_watched(kind, first_party, constructed))
        exits.enter_context(_scheduled(first_party, constructed))
        yield


@contextmanager
def _watched(
    kind: type[Any], first_party: FirstParty, constructed: Constructed
) -> Iterator[None]:
    original = kind.__init__

    def constructing(self: Any, *arguments: Any, **keywords: Any) -> None:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_name == "__init__":
            if frame.f_locals.get("self") is not self:
                break
            frame = frame.f_back
        constructed(self, first_party.frames(frame))
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
    made: dict[int, tuple[Frame, ...]] = {}

    def constructing(self: Any, optimizer: Any, *arguments: Any, **keywords: Any) -> None:
        frames = first_party.frames(sys._getframe(1))
        made[id(optimizer)] = made.get(id(optimizer), ()) + frames
        constructed(optimizer, made[id(optimizer)])
        original(self, optimizer, *arguments, **keywords)

    LRScheduler.__init__ = constructing  # type: ignore[method-assign]
    try:
        yield
    finally:
        LRScheduler.__init__ = original  # type: ignore[method-assign]
