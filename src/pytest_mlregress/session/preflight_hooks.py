"""A preflight in the process that tells of it: the only one, or xdist's controller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.node_ids import has_seed
from pytest_mlregress.running.preflight import PREFLIGHT_ATTRIBUTE
from pytest_mlregress.session.pytest_reports import bare_report
from pytest_mlregress.session.seed_reports import failure_message, skip_reason

if TYPE_CHECKING:
    from pytest_mlregress.reporting.preflight_text import TestedStep

Outcome = Literal["ok", "failed", "skipped"]


@dataclass(slots=True)
class Preflight:
    """What is known of one test's preflight.

    Attributes:
        outcome: of the first phase that failed, else of the first that was skipped.
        message: why it failed or was skipped.
        location: pytest's location of the item.
        found: what the process that ran it found; None before its last report.
    """

    outcome: Outcome
    message: str
    location: tuple[str, int | None, str]
    found: dict[str, Any] | None = None


class PreflightHooks:
    """Gathers the reports of preflights, and tells of them at the end.

    Args:
        config: pytest's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._preflights: dict[str, Preflight] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in a report of any item; those that are no preflight are left out at the end."""
        if str(report.outcome) == "rerun":
            self._preflights.pop(report.nodeid, None)
            return
        known = self._preflights.setdefault(report.nodeid, Preflight("ok", "", report.location))
        if report.failed and known.outcome != "failed":
            known.outcome, known.message = "failed", failure_message(report)
        elif report.skipped and known.outcome == "ok":
            known.outcome, known.message = "skipped", skip_reason(report)
        known.found = getattr(report, PREFLIGHT_ATTRIBUTE, known.found)

    @pytest.hookimpl(tryfirst=True)  # before the last failures are written
    def pytest_sessionfinish(self) -> None:
        """Let ``--lf`` of a check run every seed of a test whose preflight failed."""
        for nodeid, preflight in self._preflights.items():
            if preflight.outcome != "failed" or preflight.found is None:
                continue
            node_ids = preflight.found["check_node_ids"]
            _compat.unsettle_stepwise_and_last_failed(
                self._config,
                bare_report(preflight.location, nodeid, "passed"),
                [bare_report(preflight.location, other, "failed") for other in node_ids],
            )

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print a line for each test, and one on all of them."""
        told = {
            nodeid: preflight
            for nodeid, preflight in self._preflights.items()
            if preflight.found is not None or (preflight.outcome == "failed" and has_seed(nodeid))
        }
        if not told:
            return
        from pytest_mlregress.reporting.preflight_text import preflight_lines

        steps = [_step(nodeid, preflight) for nodeid, preflight in told.items()]
        workers = len(getattr(self._config.option, "tx", None) or ())
        terminalreporter.section("mlregress preflight")
        for line in preflight_lines(steps, workers=workers, width=_width(terminalreporter)):
            terminalreporter.write_line(line)


def _step(nodeid: str, preflight: Preflight) -> TestedStep:
    """As a report tells it; a worker that died, as of too little memory, said nothing of it."""
    from pytest_mlregress.reporting.preflight_text import TestedStep, TrainedFixture

    found = preflight.found or {}
    return TestedStep(
        test=found.get("test", nodeid),
        outcome=preflight.outcome,
        message=preflight.message,
        tier=found.get("tier"),
        ending=found.get("ending"),
        xfailed=found.get("xfailed"),
        declared=found.get("declared", False),
        in_fixtures=tuple(TrainedFixture(*trained) for trained in found.get("in_fixtures", ())),
        duration=found.get("duration", 0.0),
        peak_memory=found.get("peak_memory"),
        peak_gpu_memory=found.get("peak_gpu_memory"),
    )


def _width(terminalreporter: Any) -> int:
    return int(terminalreporter._tw.fullwidth)
