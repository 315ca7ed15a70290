"""What the checks look at: a folder with its tests, code, configuration, git and baselines."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.paths import FOLDER
from pytest_mlregress.baselines.provenance import WorkingTree, working_tree
from pytest_mlregress.baselines.store import open_store
from pytest_mlregress.doctor.configuration import Configuration, find_configuration
from pytest_mlregress.doctor.imported_files import imported_files
from pytest_mlregress.doctor.project_folder import files_below, text_of
from pytest_mlregress.doctor.python_code import Module, parse
from pytest_mlregress.doctor.registry import CannotCheckError
from pytest_mlregress.doctor.regression_tests import (
    RegressionTest,
    is_test_file,
    may_hold_tests,
    tests_in,
)
from pytest_mlregress.doctor.trainings import Trainings
from pytest_mlregress.node_ids import in_file, without_parameters
from pytest_mlregress.revisions.import_roots import import_roots
from pytest_mlregress.revisions.project_files import is_aside
from pytest_mlregress.running.reads import checkout_of

__all__ = ["Baseline", "Project"]

_TEST_FILES = ("test_*.py", "*_test.py")


@dataclass(frozen=True, slots=True)
class Baseline:
    """One baseline of the project.

    Attributes:
        test: the node id of its test, from the rootdir.
        artifact: what it holds.
        location: its file, as a finding names it.
    """

    test: str
    artifact: Artifact
    location: str


@dataclass
class Project:
    """A folder that is examined.

    Everything is read when a check first asks for it.

    Attributes:
        folder: the folder that is examined.
        rootdir: pytest's rootdir, which node ids begin at.
        selected: node ids of tests; those of other tests are left out. Empty for all.
        source: the value of ``--baseline``; None for ``__baselines__`` folders.
        older_than: age in days from which a baseline is old.
        trainings: the trained seeds; None where nothing was to be trained.
    """

    folder: Path
    rootdir: Path
    selected: tuple[str, ...] = ()
    source: str | None = None
    older_than: int = 180
    trainings: Trainings | None = None
    _modules: dict[Path, Module | None] = field(default_factory=dict)

    @cached_property
    def top(self) -> Path:
        """The top folder of the repository; the folder itself outside one."""
        top = checkout_of(self.folder)
        return top if self.folder.is_relative_to(top) else self.folder

    @cached_property
    def tree(self) -> WorkingTree:
        """What git says of the working tree."""
        return working_tree(self.folder)

    @cached_property
    def configuration(self) -> Configuration:
        """The configuration file of pytest."""
        return find_configuration(self.folder, self.top)

    def module(self, file: Path) -> Module | None:
        """A parsed file; None where it is no valid Python."""
        if file not in self._modules:
            self._modules[file] = parse(file)
        return self._modules[file]

    def place(self, file: Path, line: int = 0) -> str:
        """How a finding names a place: from the examined folder."""
        inside = file.is_relative_to(self.top)
        path = os.path.relpath(file, self.folder).replace(os.sep, "/") if inside else str(file)
        return f"{path}:{line}" if line else path

    @cached_property
    def test_files(self) -> tuple[Path, ...]:
        """The files that pytest collects here, as far as their names tell."""
        patterns = self.configuration.words("python_files") or list(_TEST_FILES)
        folders = self._test_folders()
        return tuple(
            file
            for file in self.python_files
            if is_test_file(file, patterns)
            and (
                any(file.is_relative_to(folder) for folder in folders)
                or (file.parent / FOLDER).is_dir()
            )
        )

    def _test_folders(self) -> list[Path]:
        """``testpaths`` of the configuration, where they lie in the examined folder."""
        file = self.configuration.file
        named = [] if file is None else self.configuration.words("testpaths")
        folders = [file.parent / name for name in named] if file is not None else []
        own = [each for each in folders if each.is_dir() and each.is_relative_to(self.folder)]
        return own or [self.folder]

    @cached_property
    def python_files(self) -> tuple[Path, ...]:
        """Every Python file of the folder."""
        return tuple(files_below(self.folder, ".py"))

    @cached_property
    def tests(self) -> tuple[RegressionTest, ...]:
        """The regression tests, those that were selected."""
        return tuple(test for test in self.all_tests if self.is_selected(self.node_id(test)))

    @cached_property
    def all_tests(self) -> tuple[RegressionTest, ...]:
        """The regression tests of the folder, as their source shows them."""
        # Most test files of a large project are none of ours: their text says so at once.
        files = (file for file in self.test_files if may_hold_tests(text_of(file)))
        modules = map(self.module, files)
        return tuple(test for module in modules if module is not None for test in tests_in(module))

    @cached_property
    def unparsed_test_files(self) -> tuple[Path, ...]:
        """The test files that may hold regression tests, and are no valid Python."""
        return tuple(
            file
            for file in self.test_files
            if may_hold_tests(text_of(file)) and self.module(file) is None
        )

    def node_id(self, test: RegressionTest) -> str:
        """The node id of a test, without parameters."""
        file = test.module.file
        root = self.rootdir if file.is_relative_to(self.rootdir) else self.top
        name = file.relative_to(root).as_posix()
        for part in test.names:
            name = in_file(name, part)
        return name

    def is_selected(self, node_id: str) -> bool:
        """Whether a test is among those that were asked for."""
        own = without_parameters(node_id)
        return not self.selected or any(
            node_id == name or own == without_parameters(name) or node_id.startswith(name)
            for name in self.selected
        )

    def require_tests(self) -> tuple[RegressionTest, ...]:
        """The regression tests.

        Raises:
            CannotCheckError: there are none.
        """
        if not self.tests:
            raise CannotCheckError(
                "no regression test in this folder",
                "take the fixture mlregress in a test that trains; see the tutorial",
            )
        return self.tests

    @cached_property
    def code(self) -> tuple[Path, ...]:
        """The files that the tests import, the tests included; without tests the project's own."""
        files = {test.module.file: None for test in self.tests}
        if not files:
            return tuple(
                file
                for file in self.python_files
                if file not in self.test_files and not is_aside(self.place(file))
            )
        conftests = (
            folder / "conftest.py"
            for file in files
            for folder in file.parents
            if folder.is_relative_to(self.top) and (folder / "conftest.py").is_file()
        )
        return imported_files([*files, *conftests], self.import_roots, self.top)

    @cached_property
    def import_roots(self) -> tuple[Path, ...]:
        """The folders that absolute imports of the tests are looked up in."""
        extra = [Path(word) for word in self.configuration.words("pythonpath")]
        roots = import_roots(self.top, self.rootdir, extra)
        return tuple(dict.fromkeys([*roots, self.folder, self.rootdir]))

    def modules_of(self, files: Iterable[Path]) -> tuple[Module, ...]:
        """The files that can be parsed."""
        return tuple(module for file in files if (module := self.module(file)) is not None)

    @cached_property
    def baselines(self) -> tuple[Baseline, ...]:
        """The baselines that can be read, those of selected tests.

        Raises:
            BaselineError: their place cannot be listed.
        """
        store = open_store(self.source, rootdir=self.rootdir)
        found = []
        for key in store.list():
            location = Path(store.describe(key))
            if self.source is None and not location.is_relative_to(self.folder):
                continue
            try:
                artifact = store.read(key)
            except BaselineError:
                continue  # the check of unreadable baselines says so
            if artifact is None:
                continue
            test = artifact.test
            test = f"{key.directory}/{test}" if key.directory.parts else test
            if self.is_selected(test):
                found.append(Baseline(test, artifact, self.place(location)))
        return tuple(found)

    @cached_property
    def unreadable_baselines(self) -> tuple[str, ...]:
        """The baselines that cannot be read, each with the reason."""
        store = open_store(self.source, rootdir=self.rootdir)
        found = []
        for key in store.list():
            place = Path(store.describe(key))
            if self.source is None and not place.is_relative_to(self.folder):
                continue
            try:
                store.read(key)
            except BaselineError as error:
                found.append(" ".join(str(error).split()))
        return tuple(found)

    def require_baselines(self) -> tuple[Baseline, ...]:
        """The baselines.

        Raises:
            CannotCheckError: there are none.
        """
        if not self.baselines:
            raise CannotCheckError("no baselines here", "record them: pytest --mlregress-update")
        return self.baselines

    def baselines_of(self, test: RegressionTest) -> tuple[Baseline, ...]:
        """The baselines of a test: of every tier and parameter set."""
        own = self.node_id(test)
        return tuple(each for each in self.baselines if without_parameters(each.test) == own)
