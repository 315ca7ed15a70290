"""The baselines that a subcommand is asked about."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
from click.core import ParameterSource

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.git_ref import is_git_ref
from pytest_mlregress.baselines.paths import BaselineKey
from pytest_mlregress.baselines.store import Store
from pytest_mlregress.baselines.visible import visible


def named_by_option() -> bool:
    """Whether the command that runs was told the place of the baselines, and not the ini file."""
    source = click.get_current_context().get_parameter_source("source")
    return source is not ParameterSource.DEFAULT


def no_baselines(source: str | None, rootdir: Path) -> click.ClickException:
    """The error that a place has no baselines, with how to get some.

    Args:
        source: the place that was given; None for the folders beside the tests.
        rootdir: pytest's rootdir.

    Returns:
        The error.
    """
    if source is not None and is_git_ref(source):
        remedy = (
            "leave --baseline out for those of the working tree"
            if named_by_option()
            else "the ini file names it; for another place: --baseline"
        )
        return click.ClickException(visible(f"no baselines in {source}; {remedy}"))
    where = source or f"the __baselines__ folders below {rootdir.resolve()}"
    into = "" if source is None else f" {shlex.quote(f'--mlregress-baseline={source}')}"
    return click.ClickException(
        visible(f"no baselines in {where}; record them: pytest --mlregress-update{into}")
    )


def all_artifacts(store: Store) -> Iterator[tuple[BaselineKey, Artifact]]:
    """Every baseline of a store.

    Args:
        store: the store.

    Yields:
        Its keys and their artifacts.
    """
    for key in store.list():
        artifact = store.read(key)
        if artifact is not None:
            yield key, artifact


def matching_artifacts(store: Store, test: str) -> list[tuple[BaselineKey, Artifact]]:
    """The baselines whose test or file contains a text.

    Args:
        store: the store.
        test: the text.

    Returns:
        At least one.

    Raises:
        click.ClickException: there is none.
    """
    found = [
        (key, artifact)
        for key, artifact in all_artifacts(store)
        if test in key.node_id(artifact.test) or test in store.describe(key)
    ]
    if not found:
        raise click.ClickException(
            f"no baseline of a test that contains {test!r}; see: mlregress list"
        )
    return found


def moved_by(kind: str | None) -> str:
    """What moved a baseline, where that was no plain update.

    Args:
        kind: of its newest ledger entry; None without one.

    Returns:
        The end of a line; empty for an update.
    """
    return "" if kind in (None, "update") else f", {kind}"
