"""The suite of one test, which a user may name by the end of its node id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_mlregress.node_ids import split_file
from pytest_mlregress.revisions.cells.suite import Suite, SuiteError, describe_suite

__all__ = ["suite_of_test"]


def suite_of_test(
    name: str,
    *,
    directory: Path,
    seeds: int | None = None,
    tier: str | None = None,
    pytest_args: Sequence[str] = (),
) -> Suite:
    """Collect one test of the working tree, or all where only the end of its name is given.

    Args:
        name: its node id without the seed, or the end of it.
        directory: where pytest is started.
        seeds: as in `describe_suite`.
        tier: as in `describe_suite`.
        pytest_args: as in `describe_suite`.

    Returns:
        The suite; with a test of that name.

    Raises:
        SuiteError: pytest failed, or there is no such test; the text then says which are close.
    """
    file, names = split_file(name)
    there = (directory / file).exists()
    try:
        suite = describe_suite(
            [name] if there else [],
            directory=directory,
            seeds=seeds,
            tier=tier,
            pytest_args=pytest_args,
        )
    except SuiteError:
        if not there or not names:
            raise
        describe_suite([file], directory=directory, pytest_args=pytest_args).test(name)
        raise
    suite.test(name)
    return suite
