"""The end of a training right after its first optimizer step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from pytest_mlregress.running.guarded_run import when_torch_is_imported

Ending: TypeAlias = Literal["step", "declared", "swallowed", "whole"]
"""How a preflight ended: after an optimizer step, by the test itself, which asked for
`Run.preflight`, at the test's end although a step was to end it, or there without any step."""

ENDING_WORDS: Final[dict[Ending, str]] = {
    "step": "ended after its first optimizer step",
    "declared": "one step, as the test has it",
    "swallowed": "ran to the end: the test catches BaseException, which was to end it",
    "whole": "no optimizer step seen; ran to the end",
}


class FirstStepDone(BaseException):
    """Ends a training; no `Exception`, so that handlers of errors in the user's code let it by."""


@dataclass(slots=True)
class FirstStep:
    """What was seen of the optimizer steps of a training.

    Attributes:
        steps: how many there were.
        ended: whether the first one ended it.
    """

    steps: int = 0
    ended: bool = False

    def ending(self, *, declared: bool) -> Ending:
        """How the training ended.

        Args:
            declared: whether the test asked if this is a preflight.

        Returns:
            The way.
        """
        if self.ended:
            return "step"
        if declared:
            return "declared"
        return "swallowed" if self.steps else "whole"


@contextmanager
def ended_after_first_step(may_go_on: Callable[[], bool]) -> Iterator[FirstStep]:
    """End the block after the first step of any torch optimizer in it.

    A step in another thread is counted only: ending that thread would leave this one waiting.

    Args:
        may_go_on: asked after each step; true lets the block go on.

    Yields:
        What was seen, complete once the block has ended.
    """
    seen = FirstStep()
    thread = threading.get_ident()

    def after(*_: Any) -> None:
        seen.steps += 1
        if threading.get_ident() == thread and not may_go_on():
            raise FirstStepDone

    try:
        with _after_each_step(after):
            yield seen
    except FirstStepDone:
        seen.ended = True


@contextmanager
def counted_steps() -> Iterator[FirstStep]:
    """Count the steps of any torch optimizer in the block.

    Yields:
        What was seen, complete once the block has ended.
    """
    seen = FirstStep()

    def after(*_: Any) -> None:
        seen.steps += 1

    with _after_each_step(after):
        yield seen


@contextmanager
def _after_each_step(action: Callable[..., None]) -> Iterator[None]:
    """Act after each step of any torch optimizer, from torch's import on."""

    def before(*_: Any) -> None:
        pass

    def listen(exits: ExitStack) -> None:
        from pytest_mlregress.bughunt.listening.hooks import optimizer_hooks

        exits.enter_context(optimizer_hooks(before, action))

    with ExitStack() as exits, when_torch_is_imported(lambda: listen(exits)):
        yield
