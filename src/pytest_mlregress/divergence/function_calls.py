"""Records what first-party functions take and return, in any library: a trace of calls.

It uses ``sys.settrace`` without events of lines: each Python function that is entered is looked up
once, and only first-party functions, and what they call directly in a library, are recorded.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, Final

from pytest_mlregress.divergence.digests import digest_of
from pytest_mlregress.divergence.events import Frame
from pytest_mlregress.divergence.recorder import Recorder
from pytest_mlregress.divergence.source_frames import function_name

MAX_CALLS: Final = 64
"""Calls of one function, from one line, that are recorded in a step."""
MAX_EVENTS: Final = 40_000
MAX_FOREIGN: Final = 5_000
"""Calls inside one call of a library, without any of first-party code, after which the rest of it
is not looked at: fitting a forest makes millions."""

_IGNORE: Final[Any] = getattr
"""A trace function in C: called with a frame, ``"call"`` and None it returns the third, as a frame
has no such attribute."""

_MODES: Final = frozenset({"train", "eval", "zero_grad", "step", "requires_grad_", "manual_seed"})
"""Functions of torch that change how a training runs and compute nothing."""
_WRAPPERS: Final = 4
_SKIPPED: Final = frozenset({"<lambda>", "<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>"})


class FunctionCalls:
    """Records the calls of one thread.

    Args:
        recorder: that writes them.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._origins: dict[CodeType, str] = {}
        self._calls: Counter[tuple[int, CodeType, int]] = Counter()
        self._events = 0
        self._constants: set[str] = set()
        self._busy = False
        self._foreign = 0
        self._libraries = 0

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Record while the block runs; nothing where a debugger or coverage traces already.

        Yields:
            Once, around the training.
        """
        if sys.gettrace() is not None:
            self._recorder.notes.append(
                "a debugger or a coverage tool traces this process: calls of functions were not "
                "recorded"
            )
            yield
            return
        self._recorder.on_detail = self._listen
        sys.settrace(self._enter)
        try:
            yield
        finally:
            self._recorder.on_detail = lambda detailed: None
            sys.settrace(None)

    def _listen(self, wanted: bool) -> None:
        """Record or pause; functions that run already are heard again when they return."""
        if threading.current_thread() is not threading.main_thread():
            return
        sys.settrace(self._enter if wanted else None)
        frame = sys._getframe(1) if wanted else None
        while frame is not None:
            origin = self._origins.setdefault(frame.f_code, self._origin(frame.f_code))
            if origin == "first-party" and frame.f_trace is None:
                frame.f_trace, frame.f_trace_lines = self._leave, False
            frame = frame.f_back

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event != "call" or self._busy:
            return None
        code = frame.f_code
        origin = self._origins.get(code)
        if origin is None:
            origin = self._origins[code] = self._origin(code)
        if origin == "skipped":
            return None
        caller = frame.f_back
        if origin == "first-party":
            return self._first_party(frame, caller)
        if origin == "torch" and code.co_name in _MODES:
            self._mode(frame)
            return None
        if caller is None or self._origins.get(caller.f_code) != "first-party":
            self._foreign += 1
            if self._foreign > MAX_FOREIGN and self._libraries:
                sys.settrace(_IGNORE)
            return None
        if origin in ("torch", "private"):
            return None
        if not self._wanted(code, caller):
            return None
        frame.f_trace_lines = False
        self._libraries += 1
        self._foreign = 0
        return self._leave_library

    def _mode(self, frame: FrameType) -> None:
        """Record a change of how the training runs that first-party code asked for."""
        caller: FrameType | None = frame.f_back
        for _ in range(_WRAPPERS):  # torch wraps some of these functions in others
            if caller is None or self._origins.get(caller.f_code) == "first-party":
                break
            caller = caller.f_back
        if caller is None or self._origins.get(caller.f_code) != "first-party":
            return
        if self._wanted(frame.f_code, caller):
            values = {name: frame.f_locals.get(name) for name in ("mode", "seed")}
            self._write("mode", frame.f_code.co_name, values, caller)

    def _origin(self, code: CodeType) -> str:
        if code.co_name in _SKIPPED or code.co_filename.startswith("<"):
            return "skipped"
        if self._recorder.first_party.holds(code):
            return "first-party"
        if "/torch/" in code.co_filename:
            return "torch"
        if "/pytest_mlregress/" in code.co_filename or "/_pytest/" in code.co_filename:
            return "skipped"
        # Numpy calls such helpers (`_mean_dispatcher`) in the name of the user's line.
        private = code.co_name.startswith("_") and not code.co_name.startswith("__")
        return "private" if private else "library"

    def _wanted(self, code: CodeType, caller: FrameType | None) -> bool:
        recorder = self._recorder
        if (
            not recorder.on
            or self._events >= MAX_EVENTS
            or threading.current_thread() is not (threading.main_thread())
        ):
            return False
        line = caller.f_lineno if caller is not None else 0
        key = (recorder.step, code, line)
        self._calls[key] += 1
        return self._calls[key] <= MAX_CALLS

    def _first_party(self, frame: FrameType, caller: FrameType | None) -> Any:
        code = frame.f_code
        self._foreign = 0
        if not self._wanted(code, caller):
            return None
        name = code.co_filename
        if name not in self._constants and code.co_name != "<module>":
            self._constants.add(name)
            self._module_constants(frame)
        count = code.co_argcount + code.co_kwonlyargcount
        arguments = {key: frame.f_locals.get(key) for key in code.co_varnames[:count]}
        arguments.pop("self", None)
        self._write("call", function_name(code), arguments, frame)
        frame.f_trace_lines = False
        return self._leave

    def _leave(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "return" and not self._busy:
            self._write("return", function_name(frame.f_code), argument, frame)
        return self._leave

    def _leave_library(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "return":
            self._libraries -= 1
            if self._foreign > MAX_FOREIGN:
                self._foreign = 0
                sys.settrace(self._enter)
        if event == "return" and not self._busy and frame.f_back is not None:
            code = frame.f_code
            name = code.co_name
            if name == "wrapper" and "fit_method" in frame.f_locals:  # scikit-learn's
                name = getattr(frame.f_locals["fit_method"], "__name__", name)
            self._write("library", name, argument, frame.f_back)
        return self._leave_library

    def _module_constants(self, frame: FrameType) -> None:
        first_party = self._recorder.first_party
        file = first_party.name_of(frame.f_code.co_filename)
        assert file is not None
        lines = _assigned_lines(frame.f_code.co_filename)
        for name, line in lines.items():
            if name in frame.f_globals:
                self._write(
                    "constant", name, frame.f_globals[name], None, (Frame(file, line, "<module>"),)
                )

    def _write(
        self,
        kind: str,
        name: str,
        value: Any,
        frame: FrameType | None,
        frames: tuple[Frame, ...] | None = None,
    ) -> None:
        self._busy = True  # what reading a value calls is not the training's
        try:
            self._events += 1
            self._recorder.record(kind, name, "", digest_of(value), frame=frame, frames=frames)
        finally:
            self._busy = False


def _assigned_lines(filename: str) -> dict[str, int]:
    """The lines at which a file assigns its module's plain constants."""
    import ast
    from pathlib import Path

    try:
        tree = ast.parse(Path(filename).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return {}
    lines: dict[str, int] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else ()
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                lines[target.id] = node.lineno
    return lines
