"""Modules that did not come from the checkout under test."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.machinery import BYTECODE_SUFFIXES
from pathlib import Path
from typing import Final

from pytest_mlregress.revisions.checkouts import CheckoutPair, Side
from pytest_mlregress.revisions.executed_code import ExecutedCode
from pytest_mlregress.revisions.first_party_finder import PLUGIN, is_extension
from pytest_mlregress.revisions.import_roots import import_roots
from pytest_mlregress.revisions.installed_copies import installations, located, owner_of
from pytest_mlregress.revisions.remedies import remedy_for

__all__ = ["OriginWatch", "WrongOrigin", "install_problem", "wrong_origin"]

_THIS_SIDE: Final = "the code under test"


@dataclass(frozen=True, slots=True)
class WrongOrigin:
    """A module of the code under test that was imported from elsewhere.

    Attributes:
        module: its dotted name.
        file: where it came from.
        label: the side whose checkout it should have come from, as texts name it.
        checkout: the top folder of that side's code.
        remedy: the cause and how to remove it.
    """

    module: str
    file: str
    label: str
    checkout: Path
    remedy: str

    def __str__(self) -> str:
        return (
            f"module {self.module} was imported from {self.file}, not from the checkout of "
            f"{self.label} ({self.checkout}); {self.remedy}"
        )


@dataclass(slots=True, kw_only=True)
class OriginWatch:
    """Looks at the modules that have been imported since it last looked.

    Attributes:
        pair: the checkouts, that of this process's side first.
        label: this side, as texts name it.
        roots: the folders that this side's code is imported from.
        names: the modules that they provide.
        is_base: whether this side's imports are led by a finder.
        borrows_extensions: whether this side runs the other's compiled extensions.
        executed: the code that has run without being an imported module; None to ignore it.
    """

    pair: CheckoutPair
    label: str
    roots: Sequence[Path]
    names: frozenset[str]
    is_base: bool = False
    borrows_extensions: bool = False
    executed: ExecutedCode | None = None
    _seen: dict[str, object] = field(default_factory=dict)
    _foreign: list[str] = field(default_factory=list)

    def check(self) -> WrongOrigin | None:
        """The first module that came from elsewhere, by name.

        Returns:
            None where every module is this side's; a wrong one is found at each later call too.
        """
        if self._seen != sys.modules:
            found = self._first_new_one()
            if found is not None:
                return found
        if self.executed is not None:
            taken = self.executed.take()
            self._foreign += [file for file in taken if self.pair.side_of(file) is Side.OTHER]
        for file in self._foreign:
            place = Path(file)
            name = place.parent.name if place.stem == "__init__" else place.stem
            return self._described(name, file)
        return None

    def _first_new_one(self) -> WrongOrigin | None:
        modules: dict[str, object] = dict(sys.modules)
        seen = self._seen
        new = [name for name, module in modules.items() if seen.get(name) is not module]
        for name in sorted(new):
            file = _file_of(modules[name])
            if file is not None and not self._is_in_place(name, file):
                return self._described(name, file)
        self._seen = modules
        return None

    def _is_in_place(self, name: str, file: str) -> bool:
        if name == "__main__" or name.partition(".")[0] == PLUGIN:
            return True
        side = self.pair.side_of(file)
        if self.is_base and is_extension(file):  # where it may come from, the finder has decided
            return side is not Side.OTHER or self.borrows_extensions or self.pair.holds(file)
        if side is Side.OTHER:
            return False
        if not _provides(self.names, name):
            return True
        if side is Side.NEITHER:  # a copy, unless another project provides the same name
            return self.pair.is_installed(file) and not self._is_copy(file)
        return not file.endswith(tuple(BYTECODE_SUFFIXES))

    def _is_copy(self, file: str) -> bool:
        return owner_of(file, installations(self.pair.own, self.roots)) is not None

    def _described(self, name: str, file: str) -> WrongOrigin:
        remedy = remedy_for(file, self.pair, self.roots)
        return WrongOrigin(name, file, self.label, self.pair.own, remedy)


def wrong_origin(
    checkout: Path, other: Path, names: Iterable[str], *, label: str = _THIS_SIDE
) -> WrongOrigin | None:
    """The first imported module of the code under test that came from elsewhere.

    Args:
        checkout: the top folder of the code under test.
        other: the one of the other side.
        names: the modules that the checkout provides, as `first_party_names` gives them.
        label: the side, as texts name it.

    Returns:
        The module; None where there is none.
    """
    watch = OriginWatch(
        pair=CheckoutPair(checkout, other),
        label=label,
        roots=import_roots(checkout, checkout),
        names=frozenset(names),
    )
    return watch.check()


def install_problem(
    names: Iterable[str], checkout: Path, roots: Sequence[Path] | None = None
) -> str | None:
    """Why the code under test would not be imported from its checkout, before anything is.

    Modules at the top of a project whose tests are a package are left to the check of each seed:
    pytest puts the project's folder on the path when it collects them.

    Args:
        names: the modules that the checkout provides.
        checkout: the top folder of the code under test.
        roots: the folders that it is imported from; found where not given.

    Returns:
        The text of the error; None where every module would come from the checkout, or from
        nowhere.
    """
    found = import_roots(checkout, checkout) if roots is None else tuple(roots)
    watch = OriginWatch(
        pair=CheckoutPair(checkout, checkout),
        label=_THIS_SIDE,
        roots=found,
        names=frozenset(names),
    )
    for name in sorted(watch.names):
        if name.partition(".")[0] in sys.modules or _is_put_on_the_path(name, found):
            continue
        spec = located(name)
        if spec is None or not spec.has_location or spec.origin is None:
            continue
        if not watch._is_in_place(name, spec.origin):
            remedy = remedy_for(spec.origin, watch.pair, found)
            return (
                f"module {name} would be imported from {spec.origin}, not from {checkout}; {remedy}"
            )
    return None


def _is_put_on_the_path(name: str, roots: Iterable[Path]) -> bool:
    """Whether pytest puts the folder of a module on the path when it collects tests."""
    top = name.partition(".")[0]
    return any(
        (root / "tests" / "__init__.py").exists()
        and ((root / top).is_dir() or (root / f"{top}.py").is_file())
        for root in roots
    )


def _provides(names: frozenset[str], module: str) -> bool:
    parts = module.split(".")
    return any(".".join(parts[:end]) in names for end in range(1, len(parts) + 1))


def _file_of(module: object) -> str | None:
    """The file of an imported module, without running a module's own ``__getattr__``."""
    try:
        file = object.__getattribute__(module, "__dict__").get("__file__")
    except (AttributeError, TypeError):
        return None
    return file if isinstance(file, str) and not file.startswith("<") else None
