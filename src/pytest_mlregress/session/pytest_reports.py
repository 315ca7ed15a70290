"""Verdicts as pytest sees them: the reports of a test, after those of its seeds.

A verdict is reported through pytest's own hooks under the node id without the seed, so that the
terminal, JUnit XML, pytest-html, report logs and ``--maxfail`` treat it as any other test.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.reporting.junit_properties import verdict_properties
from pytest_mlregress.session.mlregress_warning import warn_of_verdict
from pytest_mlregress.session.report_status import VERDICT_ATTRIBUTE
from pytest_mlregress.session.verdict_items import VerdictItem
from pytest_mlregress.session.verdict_text import VerdictText
from pytest_mlregress.verdicts.expected_failure import expected_failure, passed_mark
from pytest_mlregress.verdicts.group import GroupPlan
from pytest_mlregress.verdicts.verdict import Colour, Verdict

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr

Phase = Literal["setup", "call", "teardown"]
_PHASES: Final[tuple[Phase, ...]] = ("setup", "call", "teardown")


def publish(
    session: pytest.Session,
    plan: GroupPlan,
    verdict: Verdict,
    text: VerdictText,
    item: VerdictItem,
    nextitem: pytest.Item | None,
) -> pytest.TestReport:
    """Report a verdict as a test of its own: set-up, call and tear-down; answers the call's report.

    Its text is the failure of a verdict that fails, and a captured section of one that does not.
    An ``xfail`` mark of the test is applied here. ``item`` stands for the verdict, before
    ``nextitem``, None at the end of the session.
    """
    properties = verdict_properties(verdict)
    setup, call, teardown = (_report(plan, verdict, phase, properties) for phase in _PHASES)
    _judge_report(call, plan, verdict, text)

    def send() -> None:
        _send(session, plan, (setup, call, teardown))

    if (error := item.run(send, nextitem)) is not None:
        warn_of_verdict(
            session, plan, f"{plan.test} is reported, but a plugin failed on it: {error!r}"
        )
    return call


def _send(session: pytest.Session, plan: GroupPlan, reports: Iterable[pytest.TestReport]) -> None:
    hook = session.config.hook
    _compat.count_collected(session)
    hook.pytest_runtest_logstart(nodeid=plan.test, location=plan.location)
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
        if report.failed:
            _compat.count_failure(session, report)
    hook.pytest_runtest_logfinish(nodeid=plan.test, location=plan.location)


def _report(
    plan: GroupPlan, verdict: Verdict, phase: Phase, properties: Sequence[tuple[str, object]]
) -> pytest.TestReport:
    now = time.time()
    report = pytest.TestReport(
        nodeid=plan.test,
        location=plan.location,
        keywords={plan.location[2]: 1, "mlregress": 1},
        outcome="passed",
        longrepr=None,
        when=phase,
        start=now,
        stop=now,
        user_properties=properties,
    )
    setattr(report, VERDICT_ATTRIBUTE, str(verdict.kind))
    return report


def _judge_report(
    report: pytest.TestReport, plan: GroupPlan, verdict: Verdict, text: VerdictText
) -> None:
    expected = expected_failure(plan, verdict)
    xfail = passed_mark(plan, verdict)
    if expected is not None:
        report.outcome = "skipped"
        report.wasxfail = expected
        report.longrepr = text.full()
    elif verdict.colour is Colour.RED:
        report.outcome = "failed"
        report.longrepr = _failure(plan, text)
    elif xfail is not None and xfail.strict:
        strict = replace(text, instead=f"[XPASS(strict)] {xfail.reason}")
        report.outcome = "failed"
        report.longrepr = _failure(plan, strict)
    elif xfail is not None:
        report.wasxfail = xfail.reason
    elif text.is_section_read:
        report.sections.append(("mlregress verdict", text.full()))


def _failure(plan: GroupPlan, text: VerdictText) -> TerminalRepr:
    """The text as pytest shows a failure."""
    return _compat.failure_representation(text.full(), text.line, plan.location, text.shown)


def run_again(config: pytest.Config, failed: Iterable[tuple[GroupPlan, dict[int, str]]]) -> None:
    """Let ``--lf`` and ``--sw`` run every seed of each failed test again.

    Called when no more reports can come: a seed that passes or stops after the verdict would
    otherwise leave the list again. The ids of the seeds are given by seed.
    """
    for plan, node_ids in failed:
        _compat.unsettle_stepwise_and_last_failed(
            config,
            bare_report(plan.location, plan.test, "passed"),
            [bare_report(plan.location, node_ids[seed], "failed") for seed in sorted(node_ids)],
        )


def bare_report(
    location: tuple[str, int | None, str], nodeid: str, outcome: Literal["passed", "failed"]
) -> pytest.TestReport:
    """A report that says only how an item of that id and location ended."""
    return pytest.TestReport(
        nodeid=nodeid,
        location=location,
        keywords={},
        outcome=outcome,
        longrepr="failed as part of its test" if outcome == "failed" else None,
        when="call",
    )
