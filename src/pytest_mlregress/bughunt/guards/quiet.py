"""Stretches without gradients: where evaluations happen, and where gradients are clipped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

from pytest_mlregress.bughunt.guards import _torch
from pytest_mlregress.bughunt.locations import origin

PATIENCE = 8
"""How often one line may switch gradients off, without any module running, to be listened to."""


class QuietStretches:
    """Knows when the user's code has switched gradients off, and spares torch's own uses.

    Args:
        begun: the outermost stretch of the user's code begins.
        ended: it ends.
        clipped: torch.nn.utils is about to clip gradients.
    """

    def __init__(
        self, begun: Callable[[], None], ended: Callable[[], None], clipped: Callable[[], None]
    ) -> None:
        self._begun = begun
        self._ended = ended
        self._clipped = clipped
        self._boring: set[CodeType] = set()
        self._fruitless: dict[tuple[CodeType, int], int] = {}
        self._current: Any = None

    @property
    def on(self) -> bool:
        """Whether such a stretch is under way."""
        return self._current is not None

    def a_module_ran(self) -> None:
        """The stretch under way is an evaluation: keep listening to its like."""
        self._fruitless.clear()

    @contextlib.contextmanager
    def listening(self, guarded: Callable[..., None]) -> Iterator[None]:
        """Listen to ``torch.no_grad`` and ``torch.inference_mode`` inside the block."""
        with _torch.quiet_contexts(
            lambda context, frame: guarded(self._enter, context, frame),
            lambda context: guarded(self._leave),
            self._boring,
            self._is_current,
        ):
            yield

    def _is_current(self, context: Any) -> bool:
        return context is self._current

    def _enter(self, context: Any, frame: FrameType) -> None:
        if _torch.clips(frame):
            self._clipped()
        elif origin(frame.f_code.co_filename) == "torch":
            self._boring.add(frame.f_code)
        elif self._current is None:
            line = frame.f_code, frame.f_lineno
            self._fruitless[line] = self._fruitless.get(line, 0) + 1
            if self._fruitless[line] <= PATIENCE:
                self._current = context
                self._begun()

    def _leave(self) -> None:
        self._current = None
        self._ended()
