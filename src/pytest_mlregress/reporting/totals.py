"""A run in one sentence and in one heading."""

from __future__ import annotations

from collections import Counter

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import number, seconds
from pytest_mlregress.reporting.report import RunReport, Totals
from pytest_mlregress.verdicts.verdict import Colour


def heading(report: RunReport) -> str:
    """``2 of 13 tests failed``, or what else to know first.

    Args:
        report: the report.

    Returns:
        One line.
    """
    totals = report.totals
    tests = count_of(totals.tests, "test")
    if red := totals.colours.get(Colour.RED, 0):
        return f"{red} of {tests} failed"
    if yellow := totals.colours.get(Colour.YELLOW, 0):
        return f"{yellow} of {tests} inconclusive or with a warning"
    return f"{tests}, no regression"


def worst_colour(report: RunReport) -> Colour:
    """The most severe colour of any verdict; green without verdicts.

    Args:
        report: the report.

    Returns:
        The colour.
    """
    colours = report.totals.colours
    return next((c for c in (Colour.RED, Colour.YELLOW) if colours.get(c, 0)), Colour.GREEN)


def totals_line(report: RunReport) -> str:
    """Tests by verdict, seeds, time, and the level that the comparisons share.

    Args:
        report: the report.

    Returns:
        One sentence.
    """
    totals = report.totals
    kinds = ", ".join(f"{count} {kind}" for kind, count in totals.by_severity)
    parts = [
        f"{count_of(totals.tests, 'test')}: {kinds}" if kinds else count_of(totals.tests, "test"),
    ]
    if not _of_files(report):
        parts.append(_seeds(totals))
        parts.append(f"{seconds(totals.training)} of training in {seconds(report.duration)}")
    if report.comparisons:
        comparisons = count_of(report.comparisons, "comparison")
        parts.append(f"alpha {number(report.alpha)} over {comparisons}")
    return "; ".join(parts)


def _of_files(report: RunReport) -> bool:
    """Whether nothing was trained: the verdicts are those on files."""
    return bool(report.verdicts) and not any(verdict.planned for verdict in report.verdicts)


def _seeds(totals: Totals) -> str:
    # pytest counts these among its failed tests, and not as seeds.
    failed = f" ({totals.seeds_failed} failed)" if totals.seeds_failed else ""
    parts = [f"{count_of(totals.seeds_run, 'seed')} run{failed}", f"{totals.seeds_saved} saved"]
    if totals.seeds_cached:
        parts.append(f"{totals.seeds_cached} from the cache")
    if totals.seeds_unchanged:
        parts.append(f"{totals.seeds_unchanged} unchanged")
    return ", ".join(parts)


def closing_notes(report: RunReport) -> tuple[str, ...]:
    """The run's notes, and each difference from the baselines' environment once for all tests.

    Args:
        report: the report.

    Returns:
        One text per note.
    """
    if report.sides is not None and report.sides.environment is not None:
        return report.notes  # there is a table of what differs
    changes = Counter(change for verdict in report.verdicts for change in verdict.environment)
    return report.notes + tuple(
        f"environment differs from {count_of(tests, 'baseline')}: {change}"
        for change, tests in sorted(changes.items())
    )
