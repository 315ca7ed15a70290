"""The hooks of a process that runs seeds and keeps them, or takes them from the cache."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from pytest_mlregress.running.pairs import BaseSeedItem
from pytest_mlregress.running.replay import cached_reports, log_reports
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.seed_keys import REPORT_ATTRIBUTE, SEED_ITEM
from pytest_mlregress.running.stop_flags import stop_flags
from pytest_mlregress.session.pair_hooks import PairHooks
from pytest_mlregress.session.seed_reuse import seed_reuse
from pytest_mlregress.settings import Settings


class ReuseHooks:
    """Registered last, where trained seeds are kept.

    Not in an A/B run with another environment: two builds of one version give other numbers, so
    that no list of versions says whether a seed would train to the same bits.

    Args:
        config: pytest's.
        settings: the settings of the run.
        pairs: the hooks of an A/B run, which alone takes seeds from the cache; None in any other.
    """

    def __init__(
        self, config: pytest.Config, settings: Settings, pairs: PairHooks | None = None
    ) -> None:
        self._config = config
        self._reuse = seed_reuse(config, settings)
        self._flags = stop_flags(config)
        self._pairs = pairs
        self._base_records: dict[str, SeedItem] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Report a seed from the cache, in an A/B run."""
        if self._pairs is None:
            return None
        if isinstance(item, BaseSeedItem):
            return self._take_base(self._pairs, item, nextitem)
        record = item.stash.get(SEED_ITEM, None)
        if record is None or record.shortfall is not None or self._flags.is_raised(record.test):
            return None
        cached = self._reuse.find(record)
        if cached is None:
            return None
        log_reports(item, cached_reports(item, cached), nextitem)
        return True

    def _take_base(
        self, pairs: PairHooks, item: BaseSeedItem, nextitem: pytest.Item | None
    ) -> bool | None:
        self._base_records[item.nodeid] = item.record
        if item.record.shortfall is not None or self._flags.is_raised(item.record.test):
            return None
        cached = self._reuse.find(item.record, pairs.side)
        if cached is None:
            return None
        pairs.execution(self._config).log_cached(item, cached, nextitem)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep a seed that was trained here."""
        report = yield
        record = item.stash.get(SEED_ITEM, None)
        if report.when != "teardown" or record is None:
            return report
        if not record.declaration.settings.vectorized:  # trained alone it gives other bits
            payload: dict[str, Any] = getattr(report, REPORT_ATTRIBUTE)
            self._reuse.keep(record, payload)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a seed that the companion has trained."""
        record = self._base_records.get(report.nodeid)
        payload: dict[str, Any] | None = getattr(report, REPORT_ATTRIBUTE, None)
        if record is None or payload is None or self._pairs is None or report.when != "teardown":
            return
        passed = payload.get("ended", {}).get("outcome") == "finished"
        self._reuse.keep(record, {**payload, "passed": passed}, self._pairs.side)
