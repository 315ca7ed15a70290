"""From what the tools said to the table of what they found."""

from __future__ import annotations

import statistics
from typing import Any

from rich.table import Table

WARNING = "warning: "


def tool_table(rows: dict[str, dict[str, Any]]) -> Table:
    """Bugs flagged, bugs flagged but not the fixed program, false alarms, unable, seconds."""
    made = Table(
        "tool", "version", "bugs flagged", "but not the fixed one", "false alarms", "unable", "s"
    )
    for tool, row in rows.items():
        results, version = row["results"], row["version"]
        made.add_row(tool, version, *figures(results, warned=False))
        if any(c.startswith(WARNING) for r in results for c in r.get("complaints", ())):
            made.add_row(f"{tool}, warnings too", version, *figures(results, warned=True))
    return made


def figures(results: list[dict[str, Any]], *, warned: bool) -> tuple[str, ...]:
    """One row: what was flagged rightly and wrongly, what could not be looked at, how fast."""
    alarmed = {
        result["program"]
        for result in results
        if any(warned or not c.startswith(WARNING) for c in result.get("complaints", ()))
    }
    buggy = [result["program"] for result in results if result["kind"] == "buggy"]
    good = [result["program"] for result in results if result["kind"] != "buggy"]
    flagged = [name for name in buggy if name in alarmed]
    distinct = [name for name in flagged if name.partition(":")[0] not in alarmed]
    return (
        ratio(len(flagged), len(buggy)),
        ratio(len(distinct), len(buggy)),
        ratio(sum(name in alarmed for name in good), len(good)),
        ratio(sum("unable" in result for result in results), len(results)),
        f"{statistics.median(result['seconds'] for result in results):.2f}",
    )


def ratio(some: int, of: int) -> str:
    """``some/of`` with its percentage."""
    return f"{some}/{of} ({some / of:.0%})" if of else "-"
