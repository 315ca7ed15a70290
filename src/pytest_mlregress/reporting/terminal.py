"""The summary at the end of pytest's terminal output."""

from __future__ import annotations

from typing import Any

from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.summary import summary_table
from pytest_mlregress.verdicts.plan import SuitePlan


def print_summary(terminal: Any, report: RunReport) -> None:
    """Write the summary with pytest's terminal reporter, at its width and with its colours.

    Args:
        terminal: pytest's terminal reporter.
        report: the report.
    """
    writer = terminal._tw
    text = summary_table(
        report,
        width=writer.fullwidth,
        colour=writer.hasmarkup,
        verbosity=terminal.verbosity,
        encoding=getattr(writer._file, "encoding", None) or "ascii",
    )
    if terminal.verbosity >= -1:  # one line needs no heading
        terminal.section("mlregress", sep="=")
    terminal.write(text.rstrip("\n") + "\n")


def print_shard(terminal: Any, report: RunReport) -> None:
    """Write what a shard has trained with pytest's terminal reporter.

    Args:
        terminal: pytest's terminal reporter.
        report: the report of a shard.
    """
    from pytest_mlregress.reporting.shard_text import shard_text

    terminal.section("mlregress", sep="=")
    terminal.write("\n".join(shard_text(report, width=terminal._tw.fullwidth)) + "\n")


def print_plan(terminal: Any, plan: SuitePlan) -> None:
    """Write the plan with pytest's terminal reporter, at its width and with its colours.

    Args:
        terminal: pytest's terminal reporter.
        plan: the plan.
    """
    from pytest_mlregress.reporting.plan_table import plan_table

    terminal.section("mlregress plan", sep="=")
    terminal.write(plan_table(plan, width=terminal._tw.fullwidth, verbose=terminal.verbosity > 0))
