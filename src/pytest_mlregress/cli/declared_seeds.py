"""How many seeds the tests of a suite declare, as pytest collects them."""

from __future__ import annotations

from pathlib import Path

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.paths import BaselineKey
from pytest_mlregress.node_ids import split_file
from pytest_mlregress.plurals import count_of


class DeclaredSeeds:
    """The seeds of a check of each test.

    Args:
        rootdir: pytest's rootdir, where the tests are collected.
        given: a number for all tests, which then need not be collected; None for their own.
        default: the number for a test that cannot be collected.

    Attributes:
        alpha: the chance of any false red in a run, as pytest knows it; None where no test was
            collected.
        notes: what stands in place of numbers that could not be found out.
    """

    def __init__(self, rootdir: Path, given: int | None, default: int) -> None:
        self._rootdir = rootdir
        self._given = given
        self._default = default
        self._problem = ""
        self.alpha: float | None = None
        self._unknown: list[str] = []
        self._seeds = self._collected() if given is None else {}

    def of(self, key: BaselineKey, artifact: Artifact) -> int:
        """The largest number of seeds of a check.

        Args:
            key: where the baseline of the test is.
            artifact: the baseline.

        Returns:
            The number.
        """
        if self._given is not None:
            return self._given
        file, names = split_file(artifact.test)
        found = self._seeds.get((self._rootdir / key.directory / file, names))
        if found is None:
            self._unknown.append(key.node_id(artifact.test))
        return found or self._default

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands in place of numbers that could not be found out."""
        if not self._unknown:
            return ()
        seeds = f"planned with {count_of(self._default, 'seed')}, not with its marker's"
        if self._problem:
            return (f"{seeds.replace('its marker', 'the marker')} (or give --seeds): "
                    f"{self._problem}",)  # fmt: skip
        others = len(self._unknown) - 1
        more = f" and {count_of(others, 'other')}" if others else ""
        return (
            f"{self._unknown[0]}{more}: {seeds} (or give --seeds): pytest collects no such test",
        )

    def _collected(self) -> dict[tuple[Path, str], int]:
        from pytest_mlregress.revisions.cells.suite import SuiteError, describe_suite

        try:
            suite = describe_suite((), directory=self._rootdir)
        except SuiteError as error:
            self._problem = str(error).partition("\n")[0].rstrip()
            return {}
        self.alpha = suite.alpha
        try:
            return {
                (test.file, split_file(test.test)[1]): len(test.check_seeds) for test in suite.tests
            }
        finally:
            suite.process.close()
