"""Where in the user's code the parts of a model were made, assigned and given their values."""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from torch import nn

from pytest_mlregress.bughunt.recording.function_modes import CallMode
from pytest_mlregress.bughunt.recording.source_lines import caller, of_function, origin


@dataclass
class ConstructionLines:
    """``file:line`` by ``id``.

    Attributes:
        made: where a module was constructed.
        assigned: where a parameter or module became an attribute of a module, by the ids of the
            module and the name.
        written: where a parameter's values were last written in place (``nn.init``).
    """

    made: dict[int, str] = field(default_factory=dict)
    assigned: dict[tuple[int, str], str] = field(default_factory=dict)
    written: dict[int, str] = field(default_factory=dict)


@contextlib.contextmanager
def construction_lines() -> Iterator[ConstructionLines]:
    """Collect the lines while the block builds a model."""
    lines = ConstructionLines()
    construct, assign = nn.Module.__init__, nn.Module.__setattr__

    def constructing(self: nn.Module, *arguments: Any, **keywords: Any) -> None:
        line = caller(_outside_of(self, sys._getframe(1)))
        if line is not None:
            lines.made[id(self)] = line
        construct(self, *arguments, **keywords)

    def assigning(self: nn.Module, name: str, value: Any) -> None:
        if isinstance(value, nn.Parameter | nn.Module):
            line = caller(sys._getframe(1))
            if line is not None:
                lines.assigned[id(self), name] = line
        assign(self, name, value)

    nn.Module.__init__ = constructing  # type: ignore[method-assign]
    nn.Module.__setattr__ = assigning  # type: ignore[method-assign]
    try:
        with _Writes(lines.written):
            yield lines
    finally:
        nn.Module.__init__ = construct  # type: ignore[method-assign]
        nn.Module.__setattr__ = assign  # type: ignore[method-assign]


class _Writes(CallMode):
    def __init__(self, lines: dict[int, str]) -> None:
        super().__init__()
        self.lines = lines

    def on_call(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        name = getattr(func, "__name__", "")
        target = args[0] if args else kwargs.get("tensor")  # nn.init passes it by name
        if isinstance(target, nn.Parameter) and name.endswith("_"):
            line = caller(sys._getframe(1))
            if line is not None:
                self.lines[id(target)] = line
        return func(*args, **kwargs)


def _outside_of(module: nn.Module, frame: FrameType | None) -> FrameType | None:
    """The frame that called the constructor, beyond the ``__init__`` methods of the module."""
    while (
        frame is not None
        and frame.f_code.co_name == "__init__"
        and frame.f_locals.get("self") is module
    ):
        frame = frame.f_back
    return frame


def declared_at(root: nn.Module, name: str) -> str | None:
    """``file:line`` that assigns the innermost part of `name` which a class of the user's holds.

    Of ``features.0.bias`` in a class with ``self.features = nn.Sequential(...)`` that is this
    line; where no line assigns it by name, the class's ``__init__``; None where only torch's or a
    library's classes hold it.

    Args:
        root: the model.
        name: of a parameter or module in it, as ``named_parameters`` gives it.
    """
    parts = name.split(".")
    for depth in reversed(range(len(parts))):
        kind = type(root.get_submodule(".".join(parts[:depth])))
        for base in kind.__mro__:
            if _is_users(base) and "__init__" in vars(base):
                line = _assignment(base, parts[depth])
                if line is not None:
                    return line
        if _is_users(kind):
            return of_function(kind.__init__)
    return None


def held_by_user(root: nn.Module, name: str) -> bool:
    """Whether the nearest class around a part of a model that is not torch's own is the user's.

    Args:
        root: the model.
        name: of a parameter or module in it.
    """
    while name:
        name = name.rpartition(".")[0]
        kind = type(root.get_submodule(name))
        file = getattr(sys.modules.get(kind.__module__), "__file__", None) or "<user>"
        if origin(file) != "torch":
            return origin(file) == "user"
    return True


def _is_users(kind: type) -> bool:
    if kind.__module__ in ("builtins", "torch"):
        return False
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return file is not None and origin(file) == "user"


def _assignment(kind: type, attribute: str) -> str | None:
    """The first line of a class that assigns ``self.attribute``."""
    try:
        lines, first = inspect.getsourcelines(kind)
        file = inspect.getsourcefile(kind)
    except (OSError, TypeError):  # typed at a prompt, or made by a tool
        return None
    assigns = re.compile(rf"self\.{re.escape(attribute)}\b[^=(]*=(?!=)")
    for number, line in enumerate(lines, start=first):
        if assigns.search(line):
            return f"{file}:{number}"
    return None
