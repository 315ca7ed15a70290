"""Plain values that the user's functions keep outside of the model: counters, lists, caches.

A ``train_step`` with a global counter or a list of losses would start its second replay where the
first one ended, and the hunt would leave its traces in the user's variables.
"""

from __future__ import annotations

import copy
import functools
from collections import deque
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from pytest_mlregress.bughunt.recording.source_lines import origin

_IMMUTABLE = (type(None), bool, int, float, str, bytes, tuple, frozenset)
_CONTAINERS = (list, dict, set, deque)


class ProgramState:
    """The plain globals and closure variables that some functions can reach, at one moment."""

    def __init__(self, functions: list[Callable[..., Any] | None]) -> None:
        self._restorers: list[Callable[[], None]] = []
        seen: set[int] = set()
        for function in functions:
            if isinstance(function, FunctionType):
                self._remember(function, seen)

    def restore(self) -> None:
        """Give every variable the value that it had."""
        for restorer in self._restorers:
            restorer()

    def _remember(self, function: FunctionType, seen: set[int]) -> None:
        if id(function.__code__) in seen or origin(function.__code__.co_filename) != "user":
            return
        seen.add(id(function.__code__))
        for cell in function.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:  # assigned later than the function was made
                continue
            self._keep(value, functools.partial(setattr, cell, "cell_contents"), seen)
        for name in _names(function.__code__):
            if name in function.__globals__:
                scope = function.__globals__
                self._keep(scope[name], functools.partial(scope.__setitem__, name), seen)

    def _keep(self, value: Any, rebind: Callable[[Any], None], seen: set[int]) -> None:
        if isinstance(value, FunctionType):
            self._remember(value, seen)
        elif isinstance(value, _IMMUTABLE):
            self._restorers.append(functools.partial(rebind, value))
        elif isinstance(value, _CONTAINERS):
            self._restorers.append(functools.partial(_refill, value, copy.copy(value)))
            self._restorers.append(functools.partial(rebind, value))


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _refill(container: Any, old: Any) -> None:
    container.clear()
    if isinstance(container, dict | set):
        container.update(old)
    else:
        container.extend(old)
