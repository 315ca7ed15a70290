"""The special functions of scipy, without the rest of `scipy.special`.

`scipy.special` imports what adapts its functions to other kinds of arrays, and with it
`numpy.f2py`, `numpy.ma` and `numpy.polynomial`: 0.2 s of CPU time of every run that reaches a
verdict. The functions themselves, the very same objects, are in one extension module, which loads
in 15 ms. Where a version of scipy has another one, `scipy.special` gives them.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from scipy.special import (
        betainc,
        betaincinv,
        chdtri,
        fdtr,
        fdtrc,
        gammaln,
        nctdtr,
        nctdtrinc,
        ndtr,
        ndtri,
        stdtr,
        stdtrit,
    )

__all__ = [
    "betainc",
    "betaincinv",
    "chdtri",
    "fdtr",
    "fdtrc",
    "gammaln",
    "nctdtr",
    "nctdtrinc",
    "ndtr",
    "ndtri",
    "stdtr",
    "stdtrit",
]

_PACKAGE: Final = "scipy.special"
_FUNCTIONS: Final = f"{_PACKAGE}._ufuncs"


class _LoadedAloneError(ImportError):
    """The functions are loaded, and the package that holds them is to be imported another time."""


class _FunctionsAlone(MetaPathFinder, Loader):
    """Gives this thread a package `scipy.special` for as long as its functions are loading.

    The import of the package fails once they are there, as Python's import system allows: it holds
    its lock all the time and forgets the package, so that no other thread ever sees it, and a later
    import finds the whole one.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders = folders
        self._thread = threading.get_ident()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The package, for the thread that loads the functions alone."""
        if name != _PACKAGE or threading.get_ident() != self._thread:
            return None
        spec = ModuleSpec(name, self, is_package=True)
        spec.submodule_search_locations = list(self._folders)
        return spec

    def exec_module(self, module: ModuleType) -> None:
        """Load the functions.

        Raises:
            _LoadedAloneError: always, when they are loaded.
        """
        importlib.import_module(_FUNCTIONS)
        raise _LoadedAloneError(_FUNCTIONS)


def _load() -> ModuleType:
    """The module of the functions, or `scipy.special` where it cannot be loaded alone."""
    if _PACKAGE not in sys.modules:
        try:
            _load_alone()
            functions = sys.modules[_FUNCTIONS]
            if all(hasattr(functions, name) for name in __all__):
                return functions
        except Exception:  # another scipy: what follows says what is wrong, if anything is
            sys.modules.pop(_FUNCTIONS, None)
    return importlib.import_module(_PACKAGE)


def _load_alone() -> None:
    package = importlib.util.find_spec(_PACKAGE)  # imports scipy itself, which is light
    folders = package.submodule_search_locations if package is not None else None
    finder = _FunctionsAlone(folders or ())
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module(_PACKAGE)
    except _LoadedAloneError:
        pass
    finally:
        sys.meta_path.remove(finder)


if not TYPE_CHECKING:
    _HOME: Final = _load()

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(_HOME, name)
