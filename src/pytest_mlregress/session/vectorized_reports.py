"""The reports of seeds that another seed's item has trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from pytest_mlregress.running.seed_keys import REPORT_ATTRIBUTE, TRAINED_WITH
from pytest_mlregress.running.vectorized_items import OTHERS
from pytest_mlregress.session.seed_reports import PHASES, failure_message

_AT_THE_END: Final = ("result",)
_AT_THE_CALL: Final = ("values",)
_OF_WORKER: Final = ("node", "worker_id", "testrun_uid")
"""The attributes of a report that say which worker it is from."""


class VectorizedReports:
    """In the process that judges: reports each seed that was trained with another one.

    Args:
        session: pytest's.
    """

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._reports: dict[str, list[pytest.TestReport]] = {}
        self._counted: set[str] = set()

    def take(self, report: pytest.TestReport) -> None:
        """Keep a report of an item that trains several seeds.

        Args:
            report: the report of one of its phases.
        """
        if report.nodeid not in self._counted:
            self._counted.add(report.nodeid)
            self._session.testscollected += len(getattr(report, REPORT_ATTRIBUTE)["together"]) - 1
        if report.when == PHASES[0]:  # of an attempt that is made again, say
            self._reports[report.nodeid] = []
        self._reports.setdefault(report.nodeid, []).append(report)

    def log(self, nodeid: str) -> None:
        """The item is over: log the reports of its other seeds, each as a whole item.

        Args:
            nodeid: of the item.
        """
        reports = self._reports.pop(nodeid, [])
        others = getattr(reports[-1], REPORT_ATTRIBUTE).get(OTHERS, ()) if reports else ()
        failed = next((report for report in reports if report.failed), None)
        failure = None
        if failed is not None:
            failure = failure_message(failed, self._session.config.rootpath)
        hook = self._session.config.hook
        longest = max(reports, key=lambda report: report.duration, default=None)
        for place, other in enumerate(others, start=1):
            named = {"nodeid": other["nodeid"], "location": tuple(other["payload"]["location"])}
            hook.pytest_runtest_logstart(**named)
            assert longest is not None  # there are reports where there are other seeds
            began = longest.start + place * longest.duration  # as if one came after the other
            for report in reports:
                copied = _copied(report, named, other, failure)
                copied.start, copied.stop = began, began + copied.duration
                began = copied.stop
                hook.pytest_runtest_logreport(report=copied)
            hook.pytest_runtest_logfinish(**named)


def _copied(
    report: pytest.TestReport,
    named: Mapping[str, Any],
    other: Mapping[str, Any],
    failure: str | None,
) -> pytest.TestReport:
    """What another seed reports of a phase.

    A failure is printed once, under the first seed; the others are skipped, and their payload says
    how they ended.
    """
    first = getattr(report, REPORT_ATTRIBUTE)
    payload = {**first, **other["payload"], "guards": []}
    for name in ("together", OTHERS, "reproduced"):
        payload.pop(name, None)
    payload[TRAINED_WITH] = first["seed"]
    for when, names in (("call", _AT_THE_CALL), (PHASES[-1], _AT_THE_END)):
        if report.when != when:
            for name in names:
                payload.pop(name, None)
    outcome, longrepr = report.outcome, report.longrepr
    if failure is not None:
        payload["ended"] = {"outcome": "failed", "message": failure}
    if report.failed:
        outcome = "skipped"
        path, line, _ = named["location"]
        why = f"Skipped: failed with seed {first['seed']}, which it is trained with"
        longrepr = (path, (line or 0) + 1, why)
    copied = pytest.TestReport(
        **named,
        keywords={},
        outcome=outcome,
        longrepr=longrepr,
        when=report.when,
        duration=report.duration,
    )
    for name in _OF_WORKER:
        if hasattr(report, name):
            setattr(copied, name, getattr(report, name))
    setattr(copied, REPORT_ATTRIBUTE, payload)
    return copied
