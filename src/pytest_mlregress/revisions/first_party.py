"""The code under test is certain: where each side of an A/B run imports its own code from.

`isolate` makes the process of the base import the base's code alone. `watch_candidate` changes
nothing. Both give a `FirstParty`, whose `check` after each seed says which module came from
elsewhere.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from pytest_mlregress.revisions.checkouts import CheckoutPair, Side
from pytest_mlregress.revisions.child_imports import write_backend_finders
from pytest_mlregress.revisions.companion_environment import (
    PYTHONPATH,
    companion_environment,
    moved_path,
)
from pytest_mlregress.revisions.executed_code import ExecutedCode
from pytest_mlregress.revisions.first_party_finder import PLUGIN, FinderPlan, FirstPartyFinder
from pytest_mlregress.revisions.import_roots import first_party_names, import_roots
from pytest_mlregress.revisions.installed_copies import editable_projects, installations, owner_of
from pytest_mlregress.revisions.wrong_origin import (
    OriginWatch,
    WrongOrigin,
    install_problem,
    wrong_origin,
)

__all__ = [
    "FirstParty",
    "FirstPartyFinder",
    "WrongOrigin",
    "companion_environment",
    "first_party_names",
    "import_roots",
    "install_problem",
    "isolate",
    "plugin_problem",
    "watch_candidate",
    "wrong_origin",
]


@dataclass(frozen=True, slots=True)
class FirstParty:
    """The code of one side in the process that runs it.

    Attributes:
        watch: what looks at the imported modules.
        finder: what finds the base's modules; None in the candidate's processes, and where both
            sides are the same files.
        executed: the code that ran without being an imported module.
    """

    watch: OriginWatch
    finder: FirstPartyFinder | None
    executed: ExecutedCode

    @property
    def roots(self) -> Sequence[Path]:
        """The folders that this side's code is imported from."""
        return self.watch.roots

    @property
    def names(self) -> frozenset[str]:
        """The modules that they provide, dotted inside namespace packages."""
        return self.watch.names

    def check(self, nodeid: str) -> str | None:
        """Look at what has been imported since the last call.

        Args:
            nodeid: the test that has just run.

        Returns:
            The text of the error; None where all code under test is this side's.
        """
        if self.finder is not None:
            self.finder.install()  # others may have put theirs in front
        found = self.watch.check()
        return None if found is None else f"{nodeid}: {found}"

    def install_problem(self) -> str | None:
        """Why this process would not import the code under test, before anything is imported.

        Returns:
            The text of the error; None without a problem.
        """
        if self.finder is not None:
            return None
        return install_problem(self.names, self.watch.pair.own, self.roots)

    def stop(self) -> None:
        """Take the finder out again and listen no more."""
        if self.finder is not None:
            self.finder.uninstall()
        self.executed.stop()


def isolate(
    base_checkout: Path,
    base_rootdir: Path,
    candidate_checkout: Path,
    label: str,
    extra_roots: Iterable[Path] = (),
    *,
    other_environment: bool = False,
) -> FirstParty:
    """Let this process import the base's code alone. To be called before pytest starts.

    Where both checkouts are the same folder nothing is redirected.

    Args:
        base_checkout: the top folder of the base's code.
        base_rootdir: pytest's rootdir in it.
        candidate_checkout: the top folder of the candidate's code.
        label: the base, as texts name it.
        extra_roots: pytest's ``pythonpath``; folders of the candidate are moved to the base.
        other_environment: whether this is another environment than the candidate's, whose compiled
            extensions are its own.

    Returns:
        What checks the imports, with the finder that is now in place.
    """
    pair = CheckoutPair(base_checkout, candidate_checkout)
    extra = [Path(pair.mirrored(path) or path) for path in extra_roots]
    roots = _all_roots(pair, base_rootdir, extra)
    names = _own_names(roots, base_checkout)
    executed = ExecutedCode()
    finder = None
    if not pair.same_code:
        builds = _builds(pair, roots, other_environment=other_environment)
        plan = FinderPlan(
            own=str(pair.own),
            other=str(pair.other),
            roots=[str(root) for root in roots],
            names=sorted(names),
            label=label,
            builds=[str(folder) for folder in builds],
            borrows=not other_environment,
        )
        finder = FirstPartyFinder(plan)
        finder.install()
        kept = moved_path(sys.path, pair)
        first = [str(root) for root in roots]
        sys.path[:] = [*first, *(entry for entry in kept if entry not in first)]
        _forget_modules_of_the_other(pair)
        _lead_children(pair, roots, plan)
    watch = OriginWatch(
        pair=pair,
        label=label,
        roots=roots,
        names=names,
        is_base=finder is not None,
        borrows_extensions=not other_environment,
        executed=executed,
    )
    executed.start()
    return FirstParty(watch, finder, executed)


def watch_candidate(
    candidate_checkout: Path, rootdir: Path, base_checkout: Path, label: str
) -> FirstParty:
    """Check that this process imports the candidate's code; nothing is redirected.

    Args:
        candidate_checkout: the top folder of the candidate's code.
        rootdir: pytest's rootdir in it.
        base_checkout: the top folder of the base's code.
        label: the candidate, as texts name it.

    Returns:
        What checks the imports.
    """
    pair = CheckoutPair(candidate_checkout, base_checkout)
    roots = import_roots(candidate_checkout, rootdir)
    executed = ExecutedCode()
    watch = OriginWatch(
        pair=pair,
        label=label,
        roots=roots,
        names=_own_names(roots, candidate_checkout),
        executed=executed,
    )
    executed.start()
    return FirstParty(watch, None, executed)


def plugin_problem(candidate_checkout: Path, base_checkout: Path) -> str | None:
    """Why a repository that holds pytest-mlregress itself cannot be compared.

    Both sides run the plugin that is running, so that a change of it would not show.

    Args:
        candidate_checkout: the top folder of the candidate's code.
        base_checkout: the one of the base's.

    Returns:
        The text of the refusal; None where both sides hold the same plugin, or none.
    """
    sides = (candidate_checkout, base_checkout)
    folders = [_plugin_in(checkout) for checkout in sides]
    mine, theirs = (None if folder is None else _contents(folder) for folder in folders)
    if mine is None or theirs is None or mine == theirs:
        return None
    changed = min(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))
    return (
        f"{folders[0]}/{changed} differs between the two sides, and both run the pytest-mlregress "
        "of this environment: a change of the plugin itself cannot be compared; commit it on its "
        "own, and compare against that commit"
    )


def _all_roots(pair: CheckoutPair, rootdir: Path, extra: Sequence[Path]) -> tuple[Path, ...]:
    """The base's roots, with those of the checkout's other projects that are installed."""
    roots = [*import_roots(pair.own, rootdir, extra)]
    for project in editable_projects(pair.other):
        there = pair.mirrored(project)
        if there is not None and Path(there).is_dir():
            roots += import_roots(pair.own, Path(there))
    return tuple(dict.fromkeys(roots))


def _builds(pair: CheckoutPair, roots: Sequence[Path], *, other_environment: bool) -> list[Path]:
    """The folders that compiled extensions which the base's checkout lacks are imported from."""
    if not other_environment:
        return [Path(place) for root in roots if (place := pair.in_other(root)) is not None]
    folders: list[Path] = []
    for entry in installations(pair.own, roots):
        if not entry.editable:
            folders.append(Path(str(entry.distribution.locate_file(""))))
        elif entry.project is not None and pair.side_of(entry.project) is Side.NEITHER:
            folders += import_roots(entry.project, entry.project)
    return folders


def _own_names(roots: Sequence[Path], checkout: Path) -> frozenset[str]:
    """The modules of the roots but those of the same name that another project has installed."""
    names = first_party_names(roots)
    installed = [entry for entry in sys.path if "site-packages" in Path(entry).parts]
    own = None
    kept = set()
    for name in names:
        top = name.partition(".")[0]
        spec = PathFinder.find_spec(top, installed)
        if spec is not None and spec.loader is not None and spec.origin is not None:
            own = installations(checkout, roots) if own is None else own
            if owner_of(spec.origin, own) is None:
                continue
        kept.add(name)
    return frozenset(kept)


def _forget_modules_of_the_other(pair: CheckoutPair) -> None:
    """A .pth file may have imported code of the candidate when this process started."""
    for name, module in sys.modules.copy().items():
        file = getattr(module, "__dict__", {}).get("__file__")
        if name.partition(".")[0] in ("__main__", PLUGIN) or not isinstance(file, str):
            continue
        if pair.side_of(file) is Side.OTHER:
            del sys.modules[name]


def _lead_children(pair: CheckoutPair, roots: Sequence[Path], plan: FinderPlan) -> None:
    """Let the processes that this one starts import the base's code, too."""
    variables = companion_environment(os.environ, roots, pair.other, pair.own)
    paths = [variables[PYTHONPATH]] if PYTHONPATH in variables else []
    found = installations(pair.other, roots)
    if any(entry.editable for entry in found):
        folder = Path(tempfile.mkdtemp(prefix="mlregress-imports-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        if write_backend_finders(folder, found, plan):
            paths.insert(0, str(folder))
    if paths:
        os.environ[PYTHONPATH] = os.pathsep.join(paths)


def _plugin_in(checkout: Path) -> Path | None:
    """The folder of pytest-mlregress's own code in a checkout of it."""
    for root in import_roots(checkout, checkout):
        if (root / PLUGIN / "plugin.py").is_file():
            return root / PLUGIN
    return None


def _contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*.py")}
