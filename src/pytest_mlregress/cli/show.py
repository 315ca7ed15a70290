"""``mlregress show``."""

from __future__ import annotations

from pathlib import Path

import click

from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.store import open_store
from pytest_mlregress.cli.artifacts import matching_artifacts
from pytest_mlregress.cli.common import clear_errors, print_json, say, suite_options
from pytest_mlregress.cli.ini_settings import baseline_source
from pytest_mlregress.cli.rootdir import from_rootdir
from pytest_mlregress.cli.sides import read_file


@click.command()
@click.argument("test")
@suite_options
@click.option("--values", is_flag=True, help="Every value by seed, with all digits.")
@click.option(
    "--textconv",
    is_flag=True,
    help="TEST is a file: print it as lines that git diff can compare.",
)
@clear_errors
def show(
    test: str, source: str | None, rootdir: Path, as_json: bool, values: bool, textconv: bool
) -> None:
    """Show the baselines whose test or file contains TEST.

    As git's textconv: git config diff.mlregress.textconv "mlregress show --textconv", and
    "**/__baselines__/**/*.json diff=mlregress" in .gitattributes.
    """
    from pytest_mlregress.baselines.json_document import document_of
    from pytest_mlregress.reporting.baseline_text import baseline_lines, value_lines

    if textconv:
        _print_for_git(Path(test))
        return
    root = rootdir.resolve()
    store = open_store(baseline_source(source, root), rootdir=root)
    found = matching_artifacts(store, from_rootdir(test, root))
    if as_json:
        print_json([document_of(artifact) for _, artifact in found])
        return
    for key, artifact in found:
        test = key.node_id(artifact.test)
        for line in baseline_lines(artifact, test=test, file=store.describe(key)):
            say(line)
        if values:
            for line in value_lines(artifact):
                say(line)


def _print_for_git(file: Path) -> None:
    """The lines of a baseline file; a file that is none as it is, since git shows any of its text.

    Args:
        file: what git names, a copy of one side under another name.
    """
    from pytest_mlregress.reporting.baseline_text import baseline_lines, value_lines

    try:
        artifact = read_file(file)
    except BaselineError:
        click.echo(file.read_bytes(), nl=False)
        return
    for line in (*baseline_lines(artifact), *value_lines(artifact, spent=False)):
        say(line)
