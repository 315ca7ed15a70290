"""One command that records the baselines of several tests."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterable
from typing import Final

from pytest_mlregress.node_ids import split_file
from pytest_mlregress.verdicts.verdict import Verdict

_UPDATE: Final = "--mlregress-update"
_TIER: Final = "--mlregress-tier="
_NEW_ONLY: Final = "--mlregress-update-new-only"


def record_all_command(verdicts: Iterable[Verdict]) -> str | None:
    """The command for all tests without a baseline, made of those that each of them names.

    It names the test files, or their folder where there is more than one, and leaves tests alone
    that have a baseline.

    Args:
        verdicts: the verdicts on tests without a baseline.

    Returns:
        The command; None where the tests take different options, as those of two tiers do.
    """
    files, options = set(), set()
    for verdict in verdicts:
        words = _words(verdict)
        if words is None:
            return None
        files.add(split_file(words[1])[0])
        options.add(tuple(words[2:]))
    if len(options) != 1:
        return None
    place = posixpath.commonpath(files)
    named = [place] if place else []
    given = [_NEW_ONLY if option == _UPDATE else option for option in options.pop()]
    return shlex.join(["pytest", *named, *given])


def plan_all_command(verdicts: Iterable[Verdict]) -> str | None:
    """The command that plans several tests, made of those that each of them names.

    Args:
        verdicts: the verdicts.

    Returns:
        The command; None where a test names none, or they take different options.
    """
    files, options = set(), set()
    for verdict in verdicts:
        named = [words for words in map(_command, verdict.next_steps) if words]
        if not named:
            return None
        files.add(split_file(named[0][1])[0])
        options.add(tuple(word for word in named[0][2:] if word.startswith(_TIER)))
    if len(options) != 1:
        return None
    place = posixpath.commonpath(files)
    return shlex.join(["pytest", *([place] if place else []), *options.pop(), "--mlregress-plan"])


def _command(step: str) -> list[str]:
    """The words of a step's command, if that names a test."""
    _, found, rest = step.partition("pytest ")
    words = shlex.split(found + rest) if found else []
    return words if len(words) > 1 and split_file(words[1])[1] else []


def _words(verdict: Verdict) -> list[str] | None:
    """The command of a test's first step: ``pytest``, the test and options; None without one."""
    for step in verdict.next_steps[:1]:
        _, found, rest = step.partition("pytest ")
        words = shlex.split(found + rest)
        if len(words) > 2 and _UPDATE in words:
            return words
    return None
