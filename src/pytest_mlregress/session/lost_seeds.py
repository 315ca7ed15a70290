"""Seeds whose worker was lost: how often, why, and what is said of them in the end."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.plurals import count_of
from pytest_mlregress.resources.process_end import KILLED, MemoryKills, process_end
from pytest_mlregress.running.seed_outcome import MOST_RETRIES, ONE_BY_ONE, OUT_OF_MEMORY
from pytest_mlregress.session.report_status import LOST_ATTRIBUTE


class LostSeeds:
    """The seeds of a run that were lost, by node id.

    Args:
        memory: notices what was killed for lack of memory; None where workers are elsewhere.
    """

    def __init__(self, memory: MemoryKills | None = None) -> None:
        self._memory = memory
        self._causes: dict[str, list[str]] = {}

    def run_again(self, nodeid: str, report: pytest.TestReport, scheduler: object) -> bool:
        """Have a seed run again that was lost, `MOST_RETRIES` times at most.

        Args:
            nodeid: of the seed.
            report: xdist's, or another engine's, of the loss; changed to say what happened.
            scheduler: what hands out the items.

        Returns:
            Whether it will be; False where it is given up.
        """
        causes = self._causes.setdefault(nodeid, [])
        causes.append(self._cause(report))
        if len(causes) <= MOST_RETRIES and _compat.reschedule(scheduler, nodeid):
            report.outcome = "rerun"  # type: ignore[assignment]  # as xdist documents it
            setattr(report, LOST_ATTRIBUTE, True)
            return True
        report.longrepr = _given_up(causes)
        return False

    def _cause(self, report: pytest.TestReport) -> str:
        node: Any = getattr(report, "node", None)
        end: str | None = getattr(node, "end", None)
        if end is None:
            end = process_end(_compat.exit_status(node))
        memory = self._memory.cause() if self._memory is not None and end == KILLED else ""
        return f"{end}, {OUT_OF_MEMORY} ({memory})" if memory else end


def _given_up(causes: list[str]) -> str:
    """``lost with its worker 3 times, ended with exit status 3 each time``."""
    if len(causes) <= MOST_RETRIES:
        why = f", {causes[-1]}" if causes[-1] else ""
        return f"lost with its worker{why}, and {ONE_BY_ONE}"
    times = f"lost with its worker {count_of(len(causes), 'time')}"
    if len(set(causes)) == 1:
        return f"{times}, {causes[-1]} each time" if causes[-1] else times
    return f"{times}: {', then '.join(cause or 'for an unknown reason' for cause in causes)}"


def leave_out(report: pytest.TestReport) -> None:
    """Let the report of a loss say nothing: the seed had ended, or was not needed any more.

    Args:
        report: of the loss.
    """
    report.outcome, report.when, report.longrepr = "passed", "teardown", None
