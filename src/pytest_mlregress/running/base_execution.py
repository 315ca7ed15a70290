"""The base's seeds in a process that runs seeds: trained by its companion, reported as items here.

A seed that fails on the base is no failure of the run: its report passes, and says in its payload
how the seed ended. The verdict decides what that means.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.revisions.base_side import BASE, BaseSide
from pytest_mlregress.revisions.cache_entry import CachedSeed
from pytest_mlregress.revisions.companion import BaseSeed, Companion, CompanionError
from pytest_mlregress.running.companion_plan import companion_plan
from pytest_mlregress.running.pairs import BaseSeedItem
from pytest_mlregress.running.printed_error import last_line
from pytest_mlregress.running.replay import PHASES, log_reports
from pytest_mlregress.running.result import STOPPED_MESSAGE
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.seed_keys import REPORT_ATTRIBUTE
from pytest_mlregress.running.seed_outcome import MOST_RETRIES, timed_out_after
from pytest_mlregress.running.seed_payload import plan_payload
from pytest_mlregress.running.stop_flags import StopFlags, stop_flags
from pytest_mlregress.settings import Settings

_EXECUTION: Final = pytest.StashKey["BaseExecution"]()


class BaseExecution:
    """Runs the base's seeds.

    Args:
        config: pytest's.
        side: the base.
        companion: the process that trains them.
        flags: which tests need no more seeds.
    """

    def __init__(
        self, config: pytest.Config, side: BaseSide, companion: Companion, flags: StopFlags
    ) -> None:
        self._config = config
        self._side = side
        self._companion = companion
        self._flags = flags

    def prepare(self, record: SeedItem) -> None:
        """Start the companion for a test that still trains; it collects while this process goes on.

        A failure is reported by the first seed that needs it.

        Args:
            record: of a seed of the test.
        """
        if record.shortfall is not None or self._flags.is_raised(record.test):
            return
        try:
            self._companion.start()
        except CompanionError:
            return

    def run(self, item: BaseSeedItem, nextitem: pytest.Item | None) -> None:
        """Train a seed, unless its verdict is certain, and log its reports.

        Args:
            item: the item of the seed.
            nextitem: the item that runs next, None for none.
        """
        if item.record.shortfall is not None:
            log_reports(item, self._skipped(item, item.record.shortfall), nextitem)
            return
        if self._flags.is_raised(item.record.test):
            log_reports(item, self._skipped(item, STOPPED_MESSAGE, stopped=True), nextitem)
            return
        log_reports(item, self._reports(item, self._train(item.candidate)), nextitem)

    def _train(self, nodeid: str) -> BaseSeed:
        """Have the companion train a seed, again where that dies in it."""
        lost = ""
        for _ in range(1 + MOST_RETRIES):
            try:
                return self._companion.run(nodeid)
            except CompanionError as error:
                lost = str(error)
            except pytest.fail.Exception as error:  # a time limit, while this process waits
                limit = _compat.time_limit_in(str(error.msg))
                if limit is None:
                    raise
                self._companion.close()
                return BaseSeed(timed_out=limit)
        return BaseSeed(crashed=f"lost with its process {1 + MOST_RETRIES} times: {lost}")

    def log_cached(
        self, item: BaseSeedItem, cached: CachedSeed, nextitem: pytest.Item | None
    ) -> None:
        """Log the reports of a seed that was trained in an earlier run.

        Args:
            item: the item of the seed.
            cached: what it gave then.
            nextitem: the item that runs next, None for none.
        """
        payload = {
            **self._payload(item),
            "guards": list(cached.guards),
            "cached": True,
            "result": cached.result,
            "environment": cached.environment,
            "reads": cached.reads.to_builtins(),
            "spent": dict(cached.spent),
            "ended": {"outcome": "finished", "message": ""},
        }
        reports = [self._plain(self._report(item, phase, payload)) for phase in PHASES]
        log_reports(item, reports, nextitem)

    def close(self) -> None:
        """End the companion, if it was started."""
        self._companion.close()

    def _skipped(
        self, item: BaseSeedItem, reason: str, *, stopped: bool = False
    ) -> list[dict[str, Any]]:
        payload = {**self._payload(item), "stopped": stopped}
        line = item.location[1] or 0
        setup = self._report(item, "setup", payload)
        setup.outcome = "skipped"
        setup.longrepr = (str(item.path), line + 1, f"Skipped: {reason}")
        return [self._plain(report) for report in (setup, self._report(item, "teardown", payload))]

    def _reports(self, item: BaseSeedItem, seed: BaseSeed) -> list[dict[str, Any]]:
        """The reports of the companion, none of which fails here."""
        payload = self._payload(item)
        payload["unavailable"] = seed.unavailable
        payload["wrong_origin"] = seed.wrong_origin
        ended: Mapping[str, Any] = {"outcome": "finished", "message": ""}
        if seed.crashed is not None:
            ended = {"outcome": "lost", "message": seed.crashed}
        if seed.timed_out is not None:
            ended = {"outcome": "timed out", "message": timed_out_after(seed.timed_out)}
        reports: list[dict[str, Any]] = []
        for data in seed.reports:
            theirs = data[REPORT_ATTRIBUTE]
            for name in ("result", "environment", "xfailed", "reads", "spent"):
                if name in theirs:
                    payload[name] = theirs[name]
            report = _rebuilt(self._config, data)
            if ended["outcome"] == "finished" and report.outcome != "passed":
                ended = _ended(report)
            reports.append(self._neutral(report, item, payload))
        if not reports:
            reports = [self._plain(self._report(item, phase, payload)) for phase in PHASES]
        for plain in reports:
            plain[REPORT_ATTRIBUTE] = {**payload, "ended": dict(ended)}
        return reports

    def _neutral(
        self, report: pytest.TestReport, item: BaseSeedItem, payload: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A report that passes, with the text of the failure among its sections."""
        if report.outcome != "passed":
            if report.failed:
                title = f"{item.candidate} at {self._side.label}"
                report.sections.append((title, report.longreprtext))
            report.outcome, report.longrepr = "passed", None
        setattr(report, REPORT_ATTRIBUTE, dict(payload))
        return self._plain(report)

    def _payload(self, item: BaseSeedItem) -> dict[str, Any]:
        return {
            **plan_payload(item.record, item.candidate_location),
            "side": BASE,
            "candidate": item.candidate,
            "stopped": False,
            "xfailed": None,
            "xfail": None,
            "takes_run": item.takes_run,
            "guards": [],
        }

    def _report(
        self, item: BaseSeedItem, phase: str, payload: Mapping[str, Any]
    ) -> pytest.TestReport:
        report = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="passed",
            longrepr=None,
            when=cast("Any", phase),
        )
        setattr(report, REPORT_ATTRIBUTE, dict(payload))
        return report

    def _plain(self, report: pytest.TestReport) -> dict[str, Any]:
        data: dict[str, Any] = self._config.hook.pytest_report_to_serializable(
            config=self._config, report=report
        )
        return data


def _rebuilt(config: pytest.Config, data: Mapping[str, Any]) -> pytest.TestReport:
    report: pytest.TestReport = config.hook.pytest_report_from_serializable(
        config=config, data=dict(data)
    )
    return report


def _ended(report: pytest.TestReport) -> dict[str, str]:
    """How a seed of the base ended, by its first report that did not pass."""
    message = _message(report)
    limit = _compat.time_limit_in(message)
    if limit is None:
        return {"outcome": str(report.outcome), "message": message}
    return {"outcome": "timed out", "message": timed_out_after(limit)}


def _message(report: pytest.TestReport) -> str:
    """One line that says why a seed of the base failed or was skipped."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    expected = str(getattr(report, "wasxfail", "")).removeprefix("reason: ").strip()
    if expected:
        return expected.splitlines()[0]
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:  # printed text, which begins with the arguments of the test
        return last_line(report.longreprtext or "failed")
    lines = crash.message.strip().splitlines() or ["failed"]
    return f"{lines[0]} ({Path(crash.path).name}:{crash.lineno})"


def base_execution_of(config: pytest.Config, settings: Settings, side: BaseSide) -> BaseExecution:
    """The one `BaseExecution` of this process.

    Args:
        config: pytest's.
        settings: the settings of the run.
        side: the base.

    Returns:
        The execution, made at the first call.
    """
    if _EXECUTION not in config.stash:
        companion = Companion(side, companion_plan(config, settings, side))
        config.stash[_EXECUTION] = BaseExecution(config, side, companion, stop_flags(config))
    return config.stash[_EXECUTION]


def close_base_execution(config: pytest.Config) -> None:
    """End the companion of this process, if there is one.

    Args:
        config: pytest's.
    """
    if _EXECUTION in config.stash:
        config.stash[_EXECUTION].close()
