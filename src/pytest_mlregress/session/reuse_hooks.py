"""The hooks of a process that runs seeds and keeps them, or takes them from the cache."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from pytest_mlregress.running.execution import REPORT_ATTRIBUTE
from pytest_mlregress.running.replay import cached_reports, log_reports
from pytest_mlregress.running.seed_items import SEED_ITEM
from pytest_mlregress.running.stop_flags import stop_flags
from pytest_mlregress.session.seed_reuse import seed_reuse
from pytest_mlregress.settings import Settings


class ReuseHooks:
    """Registered last, where trained seeds are kept.

    Args:
        config: pytest's.
        settings: the settings of the run.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._reuse = seed_reuse(config, settings)
        self._flags = stop_flags(config)
        self._takes = settings.compares_sides

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Report a seed of the candidate from the cache, in an A/B run."""
        record = item.stash.get(SEED_ITEM, None)
        if not self._takes or record is None or self._flags.is_raised(record.test):
            return None
        cached = self._reuse.find(record)
        if cached is None:
            return None
        log_reports(item, cached_reports(item, cached), nextitem)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep a seed that was trained."""
        report = yield
        record = item.stash.get(SEED_ITEM, None)
        if report.when == "teardown" and record is not None:
            payload: dict[str, Any] = getattr(report, REPORT_ATTRIBUTE)
            self._reuse.keep(record, payload)
        return report
