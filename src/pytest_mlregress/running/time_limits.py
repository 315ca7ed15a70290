"""A time limit that ends the whole process of a worker: what the seed has to report before."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.running.execution import Execution


def end_after_report(item: pytest.Item, settings: Any, execution: Execution) -> bool:
    """Have pytest-timeout's thread report a seed before it ends the process.

    Without that, what hands out the seeds sees a worker that is gone, and has it run again.

    Args:
        item: the item of the seed.
        settings: those of pytest-timeout.
        execution: what puts the seed's record on its reports.

    Returns:
        Whether it will; False where the limit does not end the process.
    """

    def report(text: str) -> None:
        captured = _compat.captured_so_far(item.config)
        failed = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed",
            longrepr=text,
            when="call",
            sections=captured,
            duration=settings.timeout,
        )
        over = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="passed",
            longrepr=None,
            when="teardown",
            sections=captured,
        )
        for one in (failed, over):
            execution.report(item, one)
            item.ihook.pytest_runtest_logreport(report=one)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    return _compat.end_after_report(item, settings, report)
