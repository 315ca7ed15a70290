"""``mlregress prune``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import click

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.paths import BaselineKey
from pytest_mlregress.cli.artifacts import named_by_option
from pytest_mlregress.cli.common import clear_errors, print_json, say, suite_options
from pytest_mlregress.cli.ini_settings import baseline_source
from pytest_mlregress.node_ids import in_file, name_parts, split_file, without_parameters
from pytest_mlregress.plurals import count_of
from pytest_mlregress.revisions.cells.suite import NoTestError, SuiteTest, describe_suite
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.verdicts.suite_baselines import SuiteBaselines
from pytest_mlregress.verdicts.unused_baselines import unused_keys

_EVERY_TEST = ("-m", "", "-k", "")
"""Arguments that undo what the ini file may deselect."""


@dataclass(frozen=True, slots=True)
class _Unused:
    key: BaselineKey
    artifact: Artifact
    file: str
    why: str

    @property
    def test(self) -> str:
        """Its node id."""
        return self.key.node_id(self.artifact.test)


@click.command(context_settings={"ignore_unknown_options": True})
@suite_options
@click.option("--dry-run", is_flag=True, help="Show them, and delete nothing.")
@click.option("--yes", is_flag=True, help="Do not ask, as without a terminal.")
@click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED, metavar="[-- PYTEST ARGS]")
@clear_errors
def prune(
    source: str | None,
    rootdir: Path,
    as_json: bool,
    dry_run: bool,
    yes: bool,
    pytest_args: tuple[str, ...],
) -> None:
    """Delete the baselines whose test is gone, after showing them.

    The tests are collected first: without that evidence nothing is deleted, exit status 2. Kept are
    baselines of a test that is still written in its file, of files that give no regression test,
    and unreadable ones.
    """
    root = rootdir.resolve()
    source = baseline_source(source, root)
    baselines = SuiteBaselines(source, root)
    if not dry_run and not baselines.store.writable:
        named = "" if named_by_option() else ", which the ini file names,"
        raise CommandError(
            f"--baseline={source}{named} is read only; name a folder or an fsspec URL"
        )
    unused = _find(baselines, _collect(root, pytest_args))
    if not as_json:
        _show(unused)
    if unused and not dry_run:
        ask = sys.stdin.isatty() and not (yes or as_json)
        if ask and not click.confirm(f"delete {count_of(len(unused), 'baseline')}?"):
            raise click.exceptions.Exit(1)
        for one in unused:
            baselines.store.delete(one.key)
        if not as_json:
            say(f"deleted {count_of(len(unused), 'baseline')}")
    if as_json:
        print_json(
            [
                {
                    "file": one.file,
                    "test": one.test,
                    "tier": one.artifact.tier,
                    "why": one.why,
                    "deleted": not dry_run,
                }
                for one in unused
            ]
        )


def _collect(root: Path, pytest_args: Sequence[str]) -> tuple[SuiteTest, ...]:
    """Every regression test that there is; none where pytest works and finds none.

    Raises:
        SuiteError: pytest failed, so that nothing tells which tests are gone.
    """
    try:
        suite = describe_suite([], directory=root, pytest_args=[*_EVERY_TEST, *pytest_args])
    except NoTestError:
        return ()
    suite.process.close()
    if suite.rootdir != root:
        raise CommandError(
            f"pytest's rootdir is {suite.rootdir}, not {root}; run: mlregress prune --rootdir "
            f"{suite.rootdir}"
        )
    return suite.tests


def _find(baselines: SuiteBaselines, tests: Iterable[SuiteTest]) -> list[_Unused]:
    tests = tuple(tests)
    collected = {
        (
            PurePosixPath(test.file.parent.relative_to(baselines.rootdir).as_posix()),
            in_file(test.file.name, split_file(test.test)[1]),
        )
        for test in tests
    }
    keys = unused_keys(baselines, tests=collected, files={test.file for test in tests})
    functions = {(directory, without_parameters(owner)) for directory, owner in collected}
    found = []
    for key in keys:
        artifact = baselines.store.read(key)
        if artifact is None:
            continue
        file, _ = split_file(artifact.test)
        function = without_parameters(artifact.test)
        place = baselines.rootdir / key.directory / file
        if (key.directory, function) in functions:
            why = "its test has no such parameters any more"
        elif not place.exists():
            why = f"{key.directory / file} is gone"
        elif _is_written(place, function):
            continue
        else:
            why = f"{key.directory / file} has no such test any more"
        found.append(_Unused(key, artifact, baselines.store.describe(key), why))
    return found


def _is_written(file: Path, function: str) -> bool:
    """Whether the name of a test stands in a file: it was not collected, and it is not gone."""
    name = name_parts(function)[-1]
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def _show(unused: Sequence[_Unused]) -> None:
    if not unused:
        say("no unused baselines: the test of each is there")
    for one in unused:
        metrics = ", ".join(one.artifact.metrics)
        say(f"unused: {one.file}")
        say(f"  {one.test} ({one.artifact.tier}): {metrics}; {one.why}")
