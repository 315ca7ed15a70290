"""Say how to install a library that a test asks for, before Python says less."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def require(*libraries: str, method: str, install: str) -> None:
    """Refuse a method of the fixture whose library is not there.

    Args:
        *libraries: names of modules, of which one is enough.
        method: the method of the fixture that needs it.
        install: what pip installs.

    Raises:
        ModuleNotFoundError: none of them can be imported.
    """
    __tracebackhide__ = True
    if not any(map(_can_import, libraries)):
        raise ModuleNotFoundError(
            f"mlregress.{method}() needs {libraries[0]}, which is not installed for "
            f"{sys.executable}: pip install {install}",
            name=libraries[0],
        )


def _can_import(library: str) -> bool:
    if library in sys.modules:
        return sys.modules[library] is not None  # None stands for what must not be imported
    return find_spec(library) is not None
