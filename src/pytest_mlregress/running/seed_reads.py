"""What each seed of this process reads: its code, what that opened, and what no hash covers."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from pytest_mlregress.baselines.packages import installed_from_folders, package_versions
from pytest_mlregress.running.file_uses import uses_of
from pytest_mlregress.running.import_closure import Closure, closure_of
from pytest_mlregress.running.places import Places
from pytest_mlregress.running.read_audit import Noted, ReadLog, start_log, stop_log
from pytest_mlregress.running.reads import ABSENT, Reads, checkout_of, file_digest, variable_digest
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.seed_settings import machine_of, settings_digest

_T = TypeVar("_T")
_RECORDER: Final = pytest.StashKey["ReadRecorder"]()
_WINDOWS: Final = pytest.StashKey[set[int]]()
_VARIABLES: Final = pytest.StashKey[dict[str, str]]()


class ReadRecorder:
    """Records what the seeds of one session read.

    Attributes:
        places: where the checkout is.
    """

    def __init__(self, config: pytest.Config) -> None:
        """Begin to record; before any ``conftest.py`` is imported, which may read data."""
        self.places = Places(checkout_of(config.rootpath))
        self._config = config
        self._log: ReadLog = start_log(self.places)
        self._started = time.time()
        self._loaded_before: frozenset[str] = frozenset()
        self._during: set[str] = set()
        self._closures: dict[tuple[Path, int], Closure] = {}

    def close(self) -> None:
        """Record no more."""
        stop_log(self._log)

    def begin(self, item: pytest.Item) -> None:
        """A seed begins, with its set-up."""
        factory = getattr(self._config, "_tmp_path_factory", None)
        basetemp = getattr(factory, "_basetemp", None)
        if basetemp is not None:
            self.places.add_temporary(basetemp)
        self._loaded_before = frozenset(sys.modules)
        # A seed that is run twice may read in its first run what it then has in memory.
        item.stash.setdefault(_WINDOWS, set()).add(self._log.begin())
        item.stash.setdefault(_VARIABLES, dict(os.environ))  # what it sets itself is its code's

    @contextmanager
    def importing(self, items: Sequence[pytest.Item]) -> Iterator[None]:
        """Around an import for seeds that would make it themselves: what it reads is theirs.

        Args:
            items: their items.

        Yields:
            Once, around the import.
        """
        window = self._log.begin()
        try:
            yield
        finally:
            self._log.end()
            for item in items:
                item.stash.setdefault(_WINDOWS, set()).add(window)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Around what the plugin itself reads while a seed runs."""
        with self._log.paused():
            yield

    def reads_of(self, item: pytest.Item) -> Reads:
        """What a seed has read, at the end of its tear-down.

        Args:
            item: the item of the seed.

        Returns:
            The reads; those of data that another test had read for the same code are included.
        """
        self._log.end()
        with self._log.paused():
            self._during |= sys.modules.keys() - self._loaded_before
            closure = self._closure_of(item)
            code = closure.files | self._imported(closure)
            seed = _NotesOfSeed(code, item.stash.get(_WINDOWS, set()))
            uses = {
                file: uses_of(self.places.checkout / file)
                for file in sorted(code)
                if file.endswith(".py")
            }
            unseen = [
                *seed.notes(self._log.unseen),
                *self._unseen_code(closure, code),
                *(f"{text} ({file}:{line})" for file, own in uses.items()
                  for text, line in own.unseen),
            ]  # fmt: skip
            values = item.stash.get(_VARIABLES, {})
            return Reads(
                files={
                    **{file: file_digest(self.places.checkout / file) for file in sorted(code)},
                    **seed.digests(self._log.files),
                },
                listings=seed.digests(self._log.listings),
                absent=tuple(sorted(closure.absent)),
                unseen=tuple(dict.fromkeys(unseen)),
                variables={
                    name: variable_digest(values.get(name))
                    for own in uses.values()
                    for name in own.variables
                },
            )

    def _closure_of(self, item: pytest.Item) -> Closure:
        """The imports of the test file; new ones may resolve once more modules are loaded."""
        key = (item.path, len(sys.modules))
        if key not in self._closures:
            self._closures[key] = self._new_closure(item)
        return self._closures[key]

    def _new_closure(self, item: pytest.Item) -> Closure:
        folders = [
            folder for folder in item.path.parents if self.places.in_checkout(folder) is not None
        ]
        plugins = (
            getattr(plugin, "__file__", None) for plugin in self._config.pluginmanager.get_plugins()
        )
        files = {Path(file) for file in plugins if file} | {item.path}
        other_conftests = {
            file for file in files if file.name == "conftest.py" and file.parent not in folders
        }
        found = closure_of(
            [
                *sorted(files - other_conftests),
                *(folder / name for folder in folders for name in ("conftest.py", "__init__.py")
                  if (folder / name).is_file()),
            ],
            self.places,
        )  # fmt: skip
        for folder in folders:
            for name in ("conftest", "__init__"):
                stem = self.places.in_checkout(folder / name)
                if stem is not None and not (folder / f"{name}.py").is_file():
                    found.absent.add(stem)
        return found

    def _imported(self, closure: Closure) -> set[str]:
        """First-party modules that were imported while any seed ran, or all if any may be used."""
        found = set()
        for name in tuple(sys.modules) if closure.dynamic else tuple(self._during):
            file = getattr(sys.modules.get(name), "__file__", None)
            if isinstance(file, str) and Path(file).is_file():
                found.add(self.places.in_checkout(Path(file)))
        return {file for file in found if file is not None}

    def _unseen_code(self, closure: Closure, code: set[str]) -> Iterator[str]:
        for file in sorted(code):
            with suppress(OSError):
                if (self.places.checkout / file).stat().st_mtime > self._started:
                    yield f"{file} was written after the run began"
        for library in sorted(closure.native):
            yield f"uses {library}, which opens files unseen"
        for name, place in sorted(closure.outside.items()):
            yield f"imports {name} from {self.places.shown(place)} outside the repository"
        for distribution in installed_from_folders(sys.modules):
            yield f"imports {distribution}, installed as a copy of a folder"


@dataclass(frozen=True, slots=True)
class _NotesOfSeed:
    """Which notes of the log count for a seed: its own, and those that its code asked for."""

    code: set[str]
    windows: set[int]

    def notes(self, kind: dict[str, Noted]) -> dict[str, Noted]:
        return {
            name: noted
            for name, noted in tuple(kind.items())
            if not self.windows.isdisjoint(noted.windows) or not self.code.isdisjoint(noted.openers)
        }

    def digests(self, kind: dict[str, Noted]) -> dict[str, str]:
        return {name: noted.digest or ABSENT for name, noted in self.notes(kind).items()}


def read_recorder(config: pytest.Config) -> ReadRecorder | None:
    """The recorder of this session; None where nothing records.

    Args:
        config: pytest's.

    Returns:
        The recorder.
    """
    return config.stash.get(_RECORDER, None)


def unrecorded(config: pytest.Config, call: Callable[[], _T]) -> _T:
    """Call something of the plugin's own, whose reads are none of the seed's.

    Args:
        config: pytest's.
        call: what to call.

    Returns:
        What it returns.
    """
    recorder = read_recorder(config)
    if recorder is None:
        return call()
    with recorder.paused():
        return call()


def read_by(config: pytest.Config, items: Sequence[pytest.Item]) -> AbstractContextManager[None]:
    """Around an import for some seeds, see `ReadRecorder.importing`.

    Args:
        config: pytest's.
        items: the items of the seeds.

    Returns:
        What is to be entered.
    """
    recorder = read_recorder(config)
    return recorder.importing(items) if recorder is not None else nullcontext()


def start_recorder(config: pytest.Config) -> ReadRecorder:
    """Record what the seeds of this session read, from now on.

    Args:
        config: pytest's.

    Returns:
        The recorder, which ends with the session.
    """
    if _RECORDER not in config.stash:
        recorder = config.stash[_RECORDER] = ReadRecorder(config)
        config.add_cleanup(recorder.close)
    return config.stash[_RECORDER]


def recorded_reads(item: pytest.Item) -> dict[str, Any] | None:
    """What a seed has read and depended on, as its report holds it.

    Args:
        item: the item of the seed, at the end of its tear-down.

    Returns:
        Plain builtins; None where nothing records.
    """
    recorder = read_recorder(item.config)
    if recorder is None:
        return None
    reads = recorder.reads_of(item)
    declared = item.stash[SEED_ITEM].declaration
    with recorder.paused():
        return {
            **reads.to_builtins(),
            "packages": package_versions(sys.modules),
            "settings": settings_digest(item.config, declared),
            "machine": machine_of(item.config, declared),
        }


def stop_recorder(config: pytest.Config) -> None:
    """Record no more in this session.

    Args:
        config: pytest's.
    """
    recorder = read_recorder(config)
    if recorder is not None:
        recorder.close()
        del config.stash[_RECORDER]
