"""Stretches without gradients: where evaluations happen, and where gradients are clipped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from pytest_mlregress.bughunt.recording.source_lines import origin
from pytest_mlregress.bughunt.torch_api import _private
from pytest_mlregress.bughunt.torch_api.no_grad_contexts import no_grad_contexts

PATIENCE = 8
"""How often one line may switch gradients off, without any module running, to be listened to."""

MOST_STRETCHES = 32
"""How many stretches are listened to in all: what later ones do, these have shown."""

MOST_RUNS = 4
"""How many runs of a model one stretch has to show; a long evaluation repeats itself."""


class NoGradBlocks:
    """Knows when the user's code has switched gradients off, and spares torch's own uses.

    Args:
        begun: the outermost stretch of the user's code begins.
        seen_enough: it may be left alone until it ends.
        ended: it ends.
        clipped: torch.nn.utils is about to clip gradients; says whether to tell the next time.

    Attributes:
        boring: names of the files, torch's, whose use of these contexts is of no interest.
        current: the context that began the stretch under way; None between stretches.
    """

    def __init__(
        self,
        begun: Callable[[], None],
        seen_enough: Callable[[], None],
        ended: Callable[[], None],
        clipped: Callable[[], bool],
    ) -> None:
        self._begun = begun
        self._seen_enough = seen_enough
        self._ended = ended
        self._clipped = clipped
        self.boring: set[str] = set()
        self.current: Any = None
        self._fruitless: dict[tuple[str, int], int] = {}
        self._guarded: Callable[..., None] = lambda function, *arguments: function(*arguments)
        self._stretches = 0
        self._runs = 0

    @property
    def on(self) -> bool:
        """Whether such a stretch is under way."""
        return self.current is not None

    def a_module_runs(self, outermost: bool) -> bool:
        """The stretch under way is an evaluation: keep listening to its like, for a while.

        Returns:
            Whether this is the first run of the stretch.
        """
        self._fruitless.clear()
        if not outermost:
            return False
        self._runs += 1
        if self._runs > MOST_RUNS:
            self._seen_enough()
        self._stretches += self._runs == 1
        return self._runs == 1

    @contextlib.contextmanager
    def listening(self, guarded: Callable[..., None]) -> Iterator[None]:
        """Listen to ``torch.no_grad`` and ``torch.inference_mode`` inside the block."""
        self._guarded = guarded
        with no_grad_contexts(self):
            yield

    def enter(self, context: Any, frame: FrameType) -> None:
        """A context is about to be entered, by the code of `frame`."""
        self._guarded(self._consider, context, frame)

    def leave(self) -> None:
        """The current context is about to be left."""
        self.current = None
        self._guarded(self._ended)

    def _consider(self, context: Any, frame: FrameType) -> None:
        filename = frame.f_code.co_filename
        if _private.clips(frame):
            if not self._clipped():
                self.boring.add(filename)
        elif origin(filename) == "torch":
            if not _private.may_clip(filename):  # its helpers say nothing about the next clipping
                self.boring.add(filename)
        elif self.current is None and self._stretches < MOST_STRETCHES:
            line = filename, frame.f_lineno
            self._fruitless[line] = self._fruitless.get(line, 0) + 1
            if self._fruitless[line] <= PATIENCE:
                self.current, self._runs = context, 0
                self._begun()
