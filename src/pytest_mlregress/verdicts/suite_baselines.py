"""Where the verdicts of a run look up and keep baselines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.errors import BaselineError, StoreError
from pytest_mlregress.baselines.paths import BaselineKey, artifact_path
from pytest_mlregress.baselines.store import Store, open_store
from pytest_mlregress.node_ids import in_file, split_file
from pytest_mlregress.verdicts.group import GroupPlan


@dataclass
class SuiteBaselines:
    """The baselines of one suite, and the number of its comparisons.

    Attributes:
        source: the value of `--mlregress-baseline`; None for the default.
        rootdir: pytest's rootdir.
    """

    source: str | None
    rootdir: Path
    _artifacts: dict[BaselineKey, Artifact | None] = field(default_factory=dict)
    _keys: dict[tuple[Path, str, str], BaselineKey] = field(default_factory=dict)

    @cached_property
    def store(self) -> Store:
        """The store, opened at first use, so that a run without regression tests opens nothing."""
        return open_store(self.source, rootdir=self.rootdir)

    def check(self, files: Iterable[Path], *, writing: bool) -> None:
        """Refuse a place that cannot be used before anything trains.

        Args:
            files: the test files whose baselines will be read.
            writing: whether they will be written, too.

        Raises:
            StoreError: the baselines cannot be listed, or not written.
        """
        if writing:
            self.store.check_writable(sorted({self._directory(file) for file in files}))
        _ = self.comparisons

    def key(self, plan: GroupPlan) -> BaselineKey:
        """Where the baseline of a test is.

        Args:
            plan: the test.

        Returns:
            The key.

        Raises:
            StoreError: the test file is outside the rootdir.
        """
        return self.locate(plan.file, plan.test, plan.tier)

    def locate(self, file: Path, test: str, tier: str) -> BaselineKey:
        """Where the baseline of a test is.

        Args:
            file: the test file.
            test: the node id without the seed.
            tier: the tier.

        Returns:
            The key.

        Raises:
            StoreError: the test file is outside the rootdir.
        """
        asked = file, test, tier
        if asked not in self._keys:  # each seed of a test asks several times
            self._keys[asked] = BaselineKey(
                directory=self._directory(file),
                path=artifact_path(in_file(file.name, split_file(test)[1]), tier),
            )
        return self._keys[asked]

    def _directory(self, file: Path) -> PurePosixPath:
        try:
            directory = file.parent.relative_to(self.rootdir)
        except ValueError:
            raise StoreError(
                str(file),
                f"the test file lies outside pytest's rootdir {self.rootdir}",
                "Pass a --rootdir that contains it",
            ) from None
        return PurePosixPath(directory.as_posix())

    def read(self, plan: GroupPlan) -> Artifact | None:
        """The baseline of a test, None without one.

        Args:
            plan: the test.

        Returns:
            The artifact.

        Raises:
            BaselineError: the file cannot be read, or belongs to another test.
        """
        return self.find(plan.file, plan.test, plan.tier)

    def find(self, file: Path, test: str, tier: str) -> Artifact | None:
        """As `read`, from a test's file, node id and tier.

        Args:
            file: the test file.
            test: the node id without the seed.
            tier: the tier.

        Returns:
            The artifact, None without one.

        Raises:
            BaselineError: the file cannot be read, or belongs to another test.
        """
        return self.at(self.locate(file, test, tier))

    @cached_property
    def comparisons(self) -> int:
        """M, as `count` found it when it was first requested.

        No verdict depends on what else is recorded in the same run.
        """
        return self.count()

    def count(self) -> int:
        """The metrics in the baselines of the whole suite.

        Each test counts once, with the tier that has most, since a run uses one tier.

        It depends neither on `-k` nor on what else runs, and so no verdict does. Baselines that
        cannot be read are left out; the test they belong to reports it.

        Raises:
            StoreError: the baselines cannot be listed.
        """
        most: dict[tuple[PurePosixPath, str], int] = {}
        for key in self.store.list():
            try:
                artifact = self.at(key)
            except BaselineError:
                continue
            if artifact is not None:
                test = (key.directory, artifact.test)
                most[test] = max(most.get(test, 0), len(artifact.metrics))
        return max(1, sum(most.values()))

    def write(self, plan: GroupPlan, artifact: Artifact) -> None:
        """Write the new baseline of a test; `comparisons` does not change during a run.

        Args:
            plan: the test.
            artifact: its baseline.

        Raises:
            StoreError: it cannot be written.
        """
        key = self.key(plan)
        self.store.write(key, artifact)
        self._artifacts[key] = artifact

    def at(self, key: BaselineKey) -> Artifact | None:
        """The baseline in a file, each of which is read once in a run: counted, then compared with.

        Args:
            key: where it is.

        Returns:
            The artifact, None without one.

        Raises:
            BaselineError: the file cannot be read, or belongs to another test.
        """
        if key not in self._artifacts:
            self._artifacts[key] = self.store.read(key)
        return self._artifacts[key]
