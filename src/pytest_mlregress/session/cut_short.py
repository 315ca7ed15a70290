"""What a run that was cut says of the tests that it did not come to the end of."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

import pytest

from pytest_mlregress.invocation import invocation, own_options
from pytest_mlregress.plurals import count_of
from pytest_mlregress.running.progress_channel import (
    CollectedTest,
    collected_tests,
    read_collected,
)
from pytest_mlregress.running.stop_flags import StopFlags

MOST_NAMED = 5
"""So many tests are named at most, one by one."""


def tests_of_run(session: pytest.Session, flags: StopFlags) -> tuple[CollectedTest, ...]:
    """The regression tests that were to run, by this process or by its workers.

    Args:
        session: pytest's.
        flags: their folder is that in which a worker tells what it has collected.

    Returns:
        The tests, in order; none where that is not known.
    """
    return collected_tests(getattr(session, "items", [])) or read_collected(flags.folder)


def cut_note(
    config: pytest.Config, arguments: Mapping[str, str], *, tests: int, not_begun: Sequence[str]
) -> str:
    """How many tests have no verdict, which of them did not begin, and the command for the rest.

    Args:
        config: pytest's.
        arguments: the tests without a verdict, at least one, each as a command line names it.
        tests: the number of tests of the run.
        not_begun: those of them of which no seed has begun.

    Returns:
        The note.
    """
    none_begun = ""
    if not_begun:
        named = ", ".join(not_begun[:MOST_NAMED])
        more = len(not_begun) - MOST_NAMED
        also = f" and {more} more" if more > 0 else ""
        none_begun = f"; {len(not_begun)} did not begin: {named}{also}"
    command = invocation(config)
    if len(arguments) <= MOST_NAMED:
        command = ("pytest", *arguments.values(), *own_options(config))
    return (
        f"the run ended before {len(arguments)} of {count_of(tests, 'test')} had a verdict"
        f"{none_begun}; to run what is left: {shlex.join(command)}"
    )
