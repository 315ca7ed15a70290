"""The regression tests of the working tree, as pytest collects them in a process of its own."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen
from typing import Any, Final

from pytest_mlregress.baselines.git_command import outside_hooks
from pytest_mlregress.node_ids import split_file
from pytest_mlregress.revisions.cells.collecting_process import CollectingProcess
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.revisions.pytest_start import PytestStart

DESCRIPTION: Final = "MLREGRESS_DESCRIPTION"
"""The environment variable that says into which file the collected suite is described."""

_PLUGIN: Final = "pytest_mlregress.session.description"
_SHOWN_LINES: Final = 12
_SHOWN_NAMES: Final = 3


class SuiteError(CommandError):
    """The working tree's tests cannot be collected, or one of them is not there."""


class NoTestError(SuiteError):
    """The tests can be collected, and none of them is a regression test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteTest:
    """A regression test as the working tree declares it.

    Attributes:
        test: the node id without the seed.
        file: the test file.
        tier: the tier that runs; ``"default"`` without a ``tiers`` marker.
        tiers: the names of all its tiers, in the order of the marker.
        check_seeds: the seeds of a check.
        node_ids: the node id of each seed that was collected.
        settings: the hash of the settings that a training can depend on.
        machine: the hash of the machine and the interpreter.
        deterministic: whether it declares that it ignores the seed.
    """

    test: str
    file: Path
    tier: str
    tiers: tuple[str, ...]
    check_seeds: tuple[int, ...]
    node_ids: Mapping[int, str]
    settings: str
    machine: str
    deterministic: bool

    @property
    def seeds(self) -> tuple[int, ...]:
        """All seeds that were collected, in the order in which they are to be trained."""
        return tuple(self.node_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """What pytest collected in the working tree, and how it was started there.

    Attributes:
        start: how pytest is started for another state of the code.
        rootdir: pytest's rootdir.
        test_patterns: its ``python_files``.
        test_folders: its ``testpaths``.
        tests: the regression tests.
        cache_place: where trained seeds are kept; None where none are.
        state_folder: where commands keep what they would need to go on.
        worktrees: where checkouts are kept; None where nothing can be kept.
        baseline: where baselines are read; None for the folders beside the tests.
        alpha: the chance of any false red in a run.
        process: what collected it, which may serve the processes that train.
    """

    start: PytestStart
    rootdir: Path
    test_patterns: tuple[str, ...]
    test_folders: tuple[Path, ...]
    tests: tuple[SuiteTest, ...]
    cache_place: str | None
    state_folder: Path | None
    worktrees: Path | None
    baseline: str | None
    alpha: float
    process: CollectingProcess = field(compare=False, repr=False)

    def test(self, name: str) -> SuiteTest:
        """The one test of a name.

        Args:
            name: its node id without the seed, or the end of it.

        Returns:
            The test.

        Raises:
            SuiteError: there is none, or several; the text says which there are.
        """
        found = [test for test in self.tests if test.test == name] or [
            test
            for test in self.tests
            if test.test.endswith(name) and test.test[: -len(name)][-1:] in ("/", ":")
        ]
        if len(found) == 1:
            return found[0]
        names = [test.test for test in (found or self.tests)]
        if found:
            raise SuiteError(f"{name} is the end of several tests: {_some(names)}; name one")
        close = get_close_matches(name, names, n=_SHOWN_NAMES, cutoff=0.4) or names
        raise SuiteError(f"there is no regression test {name}; there are: {_some(close)}")


def describe_suite(
    selection: Sequence[str],
    *,
    directory: Path,
    seeds: int | None = None,
    tier: str | None = None,
    pytest_args: Sequence[str] = (),
    python: str = sys.executable,
) -> Suite:
    """Collect the regression tests of the working tree, without running any.

    Args:
        selection: node ids, files and folders; none for what pytest itself would collect.
        directory: where pytest is started.
        seeds: how many seeds each test is to have; None for those of its check.
        tier: which of a test's tiers; None for its first.
        pytest_args: further arguments of pytest.
        python: the interpreter.

    Returns:
        The suite; with at least one regression test.

    Raises:
        SuiteError: pytest failed.
        NoTestError: it collected no regression test.
    """
    args = [*selection, *pytest_args]
    if seeds is not None:
        args.append(f"--mlregress-seeds={seeds}")
    if tier is not None:
        args.append(f"--mlregress-tier={tier}")
    with tempfile.TemporaryDirectory(prefix="mlregress-description-") as folder:
        file, printed = Path(folder) / "suite.json", Path(folder) / "output.txt"
        command = [python, "-m", "pytest", *args, "--collect-only", "-q", "-p", _PLUGIN]
        with printed.open("wb") as output:
            try:
                process = Popen(
                    command,
                    cwd=directory,
                    env={**outside_hooks(), DESCRIPTION: str(file)},
                    stdin=PIPE,
                    stdout=output,
                    stderr=STDOUT,
                )
            except OSError as error:
                raise SuiteError(f"{python} cannot be started: {error}") from None
        collecting = CollectingProcess(process)
        if not collecting.wait_for(file):
            raise SuiteError(_why(args, printed.read_text(errors="replace")))
        suite = _suite(json.loads(file.read_text(encoding="utf-8")), args, collecting)
    if not suite.tests:
        raise NoTestError(_none(selection, directory))
    return suite


def describe_test(
    name: str,
    *,
    directory: Path,
    seeds: int | None = None,
    tier: str | None = None,
    pytest_args: Sequence[str] = (),
    python: str = sys.executable,
) -> tuple[Suite, SuiteTest]:
    """Find one regression test of the working tree, without running it.

    Args:
        name: its node id without the seed; where no such file is there, the end of a node id, for
            which the whole suite is collected.
        directory: where pytest is started.
        seeds: how many seeds the test is to have; None for those of its check.
        tier: which of its tiers; None for its first.
        pytest_args: further arguments of pytest.
        python: the interpreter.

    Returns:
        The suite, and the test.

    Raises:
        SuiteError: pytest failed, or there is no such test; the text says which there are.
    """
    file, names = split_file(name)
    here = (directory / file).exists()
    try:
        suite = describe_suite(
            [name] if here else [],
            directory=directory,
            seeds=seeds,
            tier=tier,
            pytest_args=pytest_args,
            python=python,
        )
    except SuiteError:
        if here and names:  # pytest does not say which tests of the file there are
            describe_suite(
                [file], directory=directory, pytest_args=pytest_args, python=python
            ).test(name)
        raise
    if here and len(suite.tests) == 1:
        return suite, suite.tests[0]
    return suite, suite.test(name)


def _suite(record: Mapping[str, Any], args: Sequence[str], process: CollectingProcess) -> Suite:
    start = PytestStart.from_builtins(record["start"])
    if record["cache_place"] is not None:
        args = [*args, f"--mlregress-cache={record['cache_place']}"]  # to record what seeds read
    return Suite(
        start=replace(start, args=tuple(args)),
        rootdir=Path(record["rootdir"]),
        test_patterns=tuple(record["test_patterns"]),
        test_folders=tuple(Path(folder) for folder in record["test_folders"]),
        tests=tuple(_test(test) for test in record["tests"]),
        cache_place=record["cache_place"],
        state_folder=_path(record["state_folder"]),
        worktrees=_path(record["worktrees"]),
        baseline=record["baseline"],
        alpha=record["alpha"],
        process=process,
    )


def _test(record: Mapping[str, Any]) -> SuiteTest:
    return SuiteTest(
        test=record["test"],
        file=Path(record["file"]),
        tier=record["tier"],
        tiers=tuple(record["tiers"]),
        check_seeds=tuple(record["check_seeds"]),
        node_ids={int(seed): node_id for seed, node_id in record["node_ids"]},
        settings=record["settings"],
        machine=record["machine"],
        deterministic=record["deterministic"],
    )


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _why(args: Sequence[str], printed: str) -> str:
    """Why pytest could not collect: the lines of its errors, else the end of what it printed."""
    lines = [line.rstrip() for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if _is_error(line)]
    shown = (errors or lines)[-_SHOWN_LINES:]
    command = shlex.join(["pytest", *args, "--collect-only"])
    said = "\n".join(f"  {line}" for line in shown)
    return f"the tests of the working tree cannot be collected; see: {command}\n{said}"


def _is_error(line: str) -> bool:
    """Whether a line of pytest's says what is wrong; its usage does not."""
    if line.startswith("ERROR: usage:"):
        return False
    return line.startswith(("E  ", "ERROR", "error:")) or ": error: " in line


def _none(selection: Sequence[str], directory: Path) -> str:
    where = " ".join(selection) or str(directory)
    deselected = (
        ""
        if not selection or not split_file(selection[0])[1]
        else ("; where a marker deselects it, say so after two dashes: -- -m ''")
    )
    return (
        f"there is no regression test in {where}: one uses the fixture mlregress or the marker "
        f"seeds{deselected}"
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more
