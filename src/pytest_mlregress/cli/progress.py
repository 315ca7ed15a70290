"""What a person sees while seeds train: a live line on a terminal, a line a minute in a log.

All of it goes to stderr, so that a command's answer can be piped.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final

import click

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.plurals import count_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from pytest_mlregress.revisions.cells.trained_seed import SeedRequest, TrainedSeed

LINE_EVERY_S: Final = 60.0
"""A log gets a line this often at most."""

_REFRESHES: Final = 4
"""Of the live display, a second."""

_NOT_RIGHT_AT_ONCE_S: Final = 5.0
"""A command that ends sooner writes nothing into a log."""


class TrainingProgress:
    """The progress of a command that trains seeds; a context manager.

    `on_start` and `on_seed` are for the parameters of the same names of a `Trainer`.

    Args:
        title: what the command does, in a few words.
        total: how many trainings there are; None where that is not known.
        below: makes what stands below the line on a terminal; None for nothing.
        summary: makes the end of a line in a log; None for nothing.
    """

    def __init__(
        self,
        title: str,
        *,
        total: int | None = None,
        below: Callable[[], RenderableType] | None = None,
        summary: Callable[[], str] | None = None,
    ) -> None:
        self._title = title
        self.total = total
        self._below = below
        self._summary = summary
        self._under_way: dict[SeedRequest, float] = {}
        self._done = 0
        self._reused = 0
        self._began = time.monotonic()
        self._last_line = self._began - LINE_EVERY_S + _NOT_RIGHT_AT_ONCE_S
        self._live: Live | None = None

    def __enter__(self) -> TrainingProgress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                get_renderable=self._display,
                console=Console(stderr=True, highlight=False),
                refresh_per_second=_REFRESHES,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def on_start(self, request: SeedRequest) -> None:
        """A seed begins to train.

        Args:
            request: which seed.
        """
        self._under_way[request] = time.monotonic()
        self._log()

    def on_seed(self, seed: TrainedSeed) -> None:
        """A seed is known.

        Args:
            seed: what it gave.
        """
        self._under_way.pop(seed.request, None)
        self._done += 1
        self._reused += seed.source != "trained"
        self._log()

    def _log(self) -> None:
        now = time.monotonic()
        if self._live is not None or now - self._last_line < LINE_EVERY_S:
            return
        self._last_line = now
        more = f"; {self._summary()}" if self._summary is not None else ""
        click.echo(f"{visible(self._line())}{more}", err=True)

    def _line(self) -> str:
        seconds = int(time.monotonic() - self._began)
        known = f", {self._reused} known before" if self._reused else ""
        if self.total is None:  # those under way count, as in the answer of the command
            trainings = count_of(self._done + len(self._under_way), "training")
        else:
            trainings = f"{self._done}/{count_of(self.total, 'training')}"
        line = f"{self._title}: {trainings}{known}, {_clock(seconds)}"
        left = self._left(seconds)
        return f"{line}, about {_clock(left)} left" if left is not None else line

    def _left(self, seconds: int) -> int | None:
        """Seconds that are left, by the pace so far; None where nothing is known."""
        trained = self._done - self._reused
        if self.total is None or trained == 0 or self._done >= self.total:
            return None
        return int(seconds / trained * (self.total - self._done))

    def _display(self) -> RenderableType:
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        parts: list[RenderableType] = [Spinner("dots", Text(visible(self._line())))]
        now = time.monotonic()
        for request, began in list(self._under_way.items()):
            text = f"  {request.cell.name}, seed {request.seed}, {_clock(int(now - began))}"
            parts.append(Text(visible(text), no_wrap=True, overflow="ellipsis"))
        if self._below is not None:
            parts.append(self._below())
        return Group(*parts)


def _clock(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
