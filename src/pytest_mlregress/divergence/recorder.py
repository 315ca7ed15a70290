"""Writes what a training does, as lines of a trace, whatever library it uses."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from pytest_mlregress.divergence.digests import digest_of
from pytest_mlregress.divergence.events import Digest, Event, Frame, line_of
from pytest_mlregress.divergence.request import TraceRequest
from pytest_mlregress.divergence.source_frames import FirstParty

NOTHING: Final = Digest("")
MAX_EVALUATION_EVENTS: Final = 4000
"""Calls of evaluations recorded in a training; module outputs and metrics are recorded always."""


class TraceEnded(BaseException):
    """Ends a training that has been recorded as far as was asked."""


class Recorder:
    """The trace of one seed while it trains.

    Args:
        file: that it writes.
        request: what is to be recorded.
    """

    def __init__(self, file: Path, request: TraceRequest) -> None:
        self.request = request
        self.first_party = FirstParty(request.root)
        self.step = 0
        self.trained = False
        self.random_states: dict[str, str] = {}
        self.notes: list[str] = []
        self.evaluation_events = 0
        self.nudged_at: int | None = None
        self.on_detail: Callable[[bool], None] = lambda detailed: None
        self._detailed = True
        self._order = 0
        self._bytes = 0
        self._process = os.getpid()
        self._output = file.open("w", encoding="utf-8")

    @property
    def on(self) -> bool:
        """Whether this is the seed's own process, and the file may still grow."""
        return os.getpid() == self._process and self._bytes < self.request.max_bytes

    @property
    def full(self) -> bool:
        """Whether every call of this step is recorded."""
        return self.request.full_from <= self.step < self.request.full_until

    @property
    def sampled(self) -> bool:
        """Whether parameters and gradients of this step are recorded: at powers of two, too."""
        return self.full or self.step & (self.step - 1) == 0

    def detail(self, *, evaluating: bool = False) -> None:
        """Tell who records the calls of functions, which is slow, whether they are wanted now."""
        wanted = self.full or evaluating
        if wanted is not self._detailed:
            self._detailed = wanted
            self.on_detail(wanted)

    def record(
        self,
        kind: str,
        name: str,
        phase: str,
        digest: Digest,
        *,
        module: str = "",
        frame: FrameType | None = None,
        frames: tuple[Frame, ...] | None = None,
        made: tuple[Frame, ...] = (),
        random: bool = False,
    ) -> None:
        """Write one event; see `Event` for what the arguments mean."""
        if not self.on:
            return
        if frames is None:
            frames = self.first_party.frames(frame) if frame is not None else ()
        event = Event(
            order=self._order,
            kind=kind,
            name=name,
            phase=phase,
            step=self.step,
            digest=digest,
            module=module,
            frames=frames,
            made=made,
            random=random,
        )
        self._order += 1
        line = line_of(event) + "\n"
        self._bytes += len(line)
        self._output.write(line)

    def random_state(self, phase: str, frame: FrameType | None) -> None:
        """Record the states of the global generators that have moved since the last call."""
        if not self.sampled:
            return
        for name, state in _states():
            bits = state if isinstance(state, str) else digest_of(state).bits
            if self.random_states.get(name) != bits:
                self.random_states[name] = bits
                self.record("rng", name, phase, Digest(bits, kind="state"), frame=frame)

    def end_step(self) -> None:
        """An optimizer step has been taken.

        Raises:
            TraceEnded: it was the last that was asked for.
        """
        self.step += 1
        self.trained = True
        self.detail()
        until = self.request.until_step
        if until is not None and self.step >= until and os.getpid() == self._process:
            raise TraceEnded(f"recorded as far as step {until}")

    def mark_nudged(self) -> None:
        """What is recorded from now on was computed from values moved by one ulp."""
        if self.nudged_at is None:
            self.nudged_at = self._order

    def finish(self, ended: str, error: str = "", failed_at: Frame | None = None) -> None:
        """Close the file.

        Args:
            ended: how the training ended, see `Trace`.
            error: the first line of its error.
            failed_at: the innermost first-party line of that error.
        """
        if os.getpid() != self._process:
            return
        import json

        if self._bytes >= self.request.max_bytes:
            ended = "cut"
        record = {
            "ended": ended,
            "steps": self.step,
            "error": error,
            "notes": self.notes,
            "failed_at": (failed_at.file, failed_at.line, failed_at.function)
            if failed_at is not None
            else None,
            "nudged_at": self.nudged_at,
        }
        self._output.write(json.dumps(record) + "\n")
        self._output.close()


def _states() -> list[tuple[str, Any]]:
    # A tuple of integers has the same hash in every process; its text would take longer.
    states: list[tuple[str, Any]] = [("python", f"{hash(random.getstate()[1]):x}")]
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is not None and hasattr(numpy, "get_state"):
        states.append(("numpy", numpy.get_state()[1:3]))
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        with torch._C.DisableTorchFunction():
            states.append(("torch", torch.get_rng_state()))
            if torch.cuda.is_available() and torch.cuda.is_initialized():
                states.extend(
                    (f"cuda:{i}", state) for i, state in enumerate(torch.cuda.get_rng_state_all())
                )
    return states
