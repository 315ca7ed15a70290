"""Where the user's code declares a part of a model that is looked at when it exists already."""

from __future__ import annotations

import inspect
import re
import sys

from torch import nn

from pytest_mlregress.bughunt.recording.source_lines import of_function, origin


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
