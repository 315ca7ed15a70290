"""A seed that finds too little memory on a GPU beside others trains again, alone.

How many seeds share a GPU must change no result: neither a seed that raised for it, nor one that
caught the error and went on with smaller batches.
"""

from __future__ import annotations

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.running.device_share import SHARE


class MemoryRetry:
    """The hook of a process whose seeds may share a GPU."""

    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Keep the reports of a seed that is not alone until it is known whether they count."""
        share = item.stash.get(SHARE, None)
        if share is None or not share.meets_others or _is_rerun(item):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports = _compat.reports_of(item, nextitem)
        if share.ran_out_of_memory:
            with _compat.without_time_limit(item):
                share.be_alone()
            reports = _compat.reports_of(item, nextitem)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True


def _is_rerun(item: pytest.Item) -> bool:
    """Whether pytest-rerunfailures runs it, which repeats what failed anyway."""
    config = item.config
    return config.pluginmanager.hasplugin("rerunfailures") and bool(
        config.getoption("reruns", None) or item.get_closest_marker("flaky")
    )
