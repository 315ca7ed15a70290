"""Reports of a seed that ran elsewhere, logged as those of an item of this process.

A seed of the base trained in the companion, and one from the cache in an earlier run: neither ran
here, but the terminal, xdist and the controller learn of seeds from pytest's reports alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.revisions.cache_entry import CachedSeed
from pytest_mlregress.running.regression_tests import FIXTURE
from pytest_mlregress.running.seed_keys import REPORT_ATTRIBUTE, SEED_ITEM
from pytest_mlregress.running.seed_payload import plan_payload

PHASES: Final = ("setup", "call", "teardown")


def log_reports(
    item: pytest.Item, reports: Sequence[Mapping[str, Any]], nextitem: pytest.Item | None = None
) -> None:
    """Log a whole item: its start, one report per phase, and its end.

    Fixtures that an item before this one left for the next are torn down first, down to what
    ``nextitem`` needs: nothing else would, since this item sets nothing up.

    Args:
        item: the item that the reports are logged for.
        reports: in the form of ``pytest_report_to_serializable``; node id and location are replaced
            by those of the item.
        nextitem: the item that runs next, None for none.
    """
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for data in reports:
        report = _rebuilt(item, data)
        if report.when == PHASES[-1]:
            _tear_down(item, nextitem, report)
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _rebuilt(item: pytest.Item, data: Mapping[str, Any]) -> pytest.TestReport:
    placed = {**data, "nodeid": item.nodeid, "location": item.location}
    report: pytest.TestReport = item.config.hook.pytest_report_from_serializable(
        config=item.config, data=placed
    )
    return report


def _tear_down(item: pytest.Item, nextitem: pytest.Item | None, report: pytest.TestReport) -> None:
    """Tear down what earlier items have left; an error belongs to this report, as in pytest."""
    failure = _compat.tear_down_to(item, nextitem)
    if failure is not None and not report.failed:
        report.outcome = "failed"
        report.longrepr = failure


def cached_reports(item: pytest.Item, cached: CachedSeed) -> tuple[dict[str, Any], ...]:
    """The reports of a seed that was trained in an earlier run, for `log_reports`.

    Args:
        item: the item of the seed.
        cached: what the seed gave then.

    Returns:
        One report per phase, in the form of ``pytest_report_to_serializable``.
    """
    payload: dict[str, Any] = {
        **plan_payload(item.stash[SEED_ITEM], item.location),
        "takes_run": FIXTURE in getattr(item, "fixturenames", ()),
        "stopped": False,
        "xfailed": None,
        "xfail": None,
        "guards": list(cached.guards),
        "cached": True,
    }
    ends = {
        "result": cached.result,
        "environment": cached.environment,
        "reads": cached.reads.to_builtins(),
        "spent": dict(cached.spent),
    }
    hook = item.config.hook
    return tuple(
        hook.pytest_report_to_serializable(
            config=item.config,
            report=_passed(item, phase, payload | (ends if phase == PHASES[-1] else {})),
        )
        for phase in PHASES
    )


def _passed(item: pytest.Item, phase: Any, payload: Mapping[str, Any]) -> pytest.TestReport:
    now = time.time()
    report = pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=dict.fromkeys(item.keywords, 1),
        outcome="passed",
        longrepr=None,
        when=phase,
        start=now,
        stop=now,
    )
    setattr(report, REPORT_ATTRIBUTE, dict(payload))
    return report
