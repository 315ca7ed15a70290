"""Private parts of pytest that show a failure and remember it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr


def unsettle_stepwise_and_last_failed(
    config: pytest.Config, verdict: pytest.TestReport, seeds: list[pytest.TestReport]
) -> None:
    """Replace a failed verdict by its seeds in what ``--lf`` and ``--sw`` run again.

    The verdict's id belongs to no item. The hook methods of ``lfplugin`` and ``stepwiseplugin``
    are called with reports of their own, pytest 8.0 to 9.2.
    """
    last_failed = config.pluginmanager.getplugin("lfplugin")
    if last_failed is not None:
        last_failed.pytest_runtest_logreport(verdict)
        for report in seeds:
            last_failed.pytest_runtest_logreport(report)
    stepwise = config.pluginmanager.getplugin("stepwiseplugin")
    if stepwise is not None and seeds:
        stepwise.pytest_runtest_logreport(seeds[0])


def failure_representation(
    text: str, message: str, location: tuple[str, int | None, str], shown: Callable[[int], str]
) -> TerminalRepr:
    """A failure's text with the one line of it that stands in summaries and in JUnit's message.

    A plain string would be repeated whole in the short summary on CI. The classes are those of
    ``_pytest._code.code`` that reports can be serialized with, pytest 8.0 to 9.2.

    Args:
        text: everything, for files such as JUnit's XML and report logs.
        message: the line, which ``--tb=line`` prints after the location.
        location: pytest's location of the test.
        shown: what a terminal of that width shows.
    """
    from _pytest._code.code import ReprEntryNative, ReprFileLocation, ReprTraceback

    path, line, _ = location
    representation: Any = _failure_class()(
        reprtraceback=ReprTraceback(
            reprentries=[ReprEntryNative([f"{text}\n"])], extraline=None, style="native"
        ),
        reprcrash=ReprFileLocation(path=path, lineno=(line or 0) + 1, message=message),
    )
    representation.text, representation.shown = text, shown
    failure: TerminalRepr = representation
    return failure


@cache
def _failure_class() -> Any:
    """`ReprExceptionInfo`, whose ``str`` goes into files, with another text on a terminal."""
    from _pytest._code.code import ReprExceptionInfo

    class VerdictRepresentation(ReprExceptionInfo):
        text: str
        shown: Callable[[int], str]

        def __str__(self) -> str:
            return self.text

        def toterminal(self, tw: Any) -> None:
            for index, line in enumerate(self.shown(tw.fullwidth).splitlines()):
                tw.line(line, red=not index, bold=not index)

    return VerdictRepresentation


def forget_reports(
    config: pytest.Config,
    is_read: Callable[[pytest.TestReport], bool],
    counted: Iterable[str] = (),
) -> int:
    """Take out of the terminal's memory what it keeps until the end of the run and nobody reads.

    ``TerminalReporter.stats`` has the reports of each category, those without any, such as
    set-ups, under ``""``; each failure looks through all of these. Of some categories it only
    counts the reports: there the first stands for all. ``--durations`` reads every report, and so
    does ``--store-durations`` of pytest-split. pytest 8.0 to 9.2.

    Args:
        config: pytest's.
        is_read: whether a report without a category is read later.
        counted: the categories whose reports are only counted.

    Returns:
        How many reports without a category are kept.
    """
    reporter = config.pluginmanager.getplugin("terminalreporter")
    option = config.option
    are_read = getattr(option, "durations", None) is not None or getattr(
        option, "store_durations", False
    )
    if reporter is None or are_read:
        return 0
    for category in counted:
        if reports := reporter.stats.get(category):
            reporter.stats[category] = reports[:1] * len(reports)
    kept = [report for report in reporter.stats.get("", ()) if is_read(report)]
    if kept:
        reporter.stats[""] = kept
    else:
        reporter.stats.pop("", None)
    return len(kept)
