"""``mlregress diff``."""

from __future__ import annotations

from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING

import click

from pytest_mlregress.cli.common import clear_errors, print_json, say, suite_options
from pytest_mlregress.cli.ini_settings import baseline_source, settings_in_ini
from pytest_mlregress.cli.rootdir import from_rootdir
from pytest_mlregress.cli.sides import (
    Side,
    file_side,
    folder_below,
    is_baseline_file,
    ref_source,
    store_side,
)

if TYPE_CHECKING:
    from pytest_mlregress.verdicts.policy import Rules
    from pytest_mlregress.verdicts.suite_baselines import SuiteBaselines


@click.command()
@click.argument("test")
@click.argument("ref", default="HEAD")
@click.argument("other", required=False)
@suite_options
@click.option(
    "--exit-code", "tell", is_flag=True, help="Exit with 1 where something differs, as git does."
)
@clear_errors
def diff(
    test: str,
    ref: str,
    other: str | None,
    source: str | None,
    rootdir: Path,
    as_json: bool,
    tell: bool,
) -> None:
    """How the baselines of TEST changed since REF (HEAD), or from REF to OTHER.

    REF and OTHER are git refs, folders or URLs; two files may stand in place of all three. Exit
    status: 0, or 1 where neither side has such a baseline, and with --exit-code where both differ.
    """
    from pytest_mlregress.reporting.baseline_diff_text import diff_lines, diff_rows
    from pytest_mlregress.verdicts.baseline_diff import baseline_diff

    root = rootdir.resolve()
    before, after, newer = _sides(test, ref, other, source, root)
    keys = sorted(before.artifacts.keys() | after.artifacts.keys())
    if not keys:
        raise click.ClickException(
            f"neither {before.label} nor {after.label} has a baseline of a test that contains "
            f"{test!r}; see: mlregress list"
        )
    rules = _rules(newer, after, root)
    found = [
        baseline_diff(before.artifacts.get(key), after.artifacts.get(key), rules) for key in keys
    ]
    tests = [{**before.tests, **after.tests}[key] for key in keys]
    if as_json:
        print_json(
            [
                row
                for test, one in zip(tests, found, strict=True)
                for row in diff_rows(one, test=test)
            ]
        )
    else:
        width = get_terminal_size().columns
        labels = (before.label, after.label)
        for position, (test, one) in enumerate(zip(tests, found, strict=True)):
            if position:
                say("")
            for line in diff_lines(one, test=test, labels=labels, width=width):
                say(line)
    if tell and not all(one.equal for one in found):
        raise click.exceptions.Exit(1)


def _sides(
    test: str, ref: str, other: str | None, source: str | None, root: Path
) -> tuple[Side, Side, SuiteBaselines | None]:
    """The older side, the newer one, and the suite that this belongs to, None of a file."""
    from pytest_mlregress.verdicts.suite_baselines import SuiteBaselines

    if is_baseline_file(test) and is_baseline_file(ref):
        if other is not None:
            raise click.UsageError(f"two files are compared with each other; what is {other}?")
        return file_side(test), file_side(ref), None
    if other is not None and is_baseline_file(ref) and is_baseline_file(other):
        return file_side(ref), file_side(other), None
    source = baseline_source(source, root)
    folder = folder_below(root, source)
    test = from_rootdir(test, root)
    newer = source if other is None else ref_source(other, rootdir=root)
    after = store_side(newer, test, rootdir=root, folder=folder)
    before = store_side(ref_source(ref, rootdir=root), test, rootdir=root, folder=folder)
    return before, after, SuiteBaselines(newer, root)


def _rules(suite: SuiteBaselines | None, after: Side, root: Path) -> Rules:
    """Those of an update: all comparisons of a suite share alpha; a file is a suite of its own."""
    from pytest_mlregress.verdicts.policy import rules_for

    metrics = sum(len(artifact.metrics) for artifact in after.artifacts.values())
    comparisons = metrics if suite is None else suite.comparisons
    return rules_for(settings_in_ini(root, "alpha"), {}, comparisons=comparisons)
