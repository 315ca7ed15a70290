"""The hooks that gather when each worker did what, in the process that the terminal belongs to.

Registered at every start of pytest, so that what a run without regression tests does not need is
imported where it is used; `session/worker_times.py` has the rest.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mlregress.node_ids import has_seed
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.start_of_run import started_at

if TYPE_CHECKING:
    from pytest_mlregress.session.worker_times import WorkerTimes
    from pytest_mlregress.timeline.spans import RunTimeline

PLUGIN: Final = "mlregress-timeline"


class TimelineHooks:
    """The hooks that tell when each worker did what.

    Args:
        config: pytest's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._origin = started_at(config)
        self._has_seeds = False
        self._collection: tuple[float, float] | None = None
        self._ended: float | None = None

    @cached_property
    def workers(self) -> WorkerTimes:
        """What is known of the workers."""
        from pytest_mlregress.session.worker_times import WorkerTimes

        return WorkerTimes(self._origin)

    def _now(self) -> float:
        return time.perf_counter() - self._origin

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self, session: pytest.Session) -> Generator[None, object, object]:
        began = self._now()
        result = yield
        if session.items:  # not where workers collect
            self._collection = (began, self._now())
        return result

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._has_seeds |= any(SEED_ITEM in item.stash for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        self.workers.worker_began(node.gateway.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        self.workers.worker_ready(node.gateway.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        self.workers.worker_collected(node.gateway.id)
        self._has_seeds = self._has_seeds or any(map(has_seed, ids))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        if error is not None:
            self.workers.worker_lost(node.gateway.id)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        try:
            return (yield)
        finally:
            self._ended = self._now()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self._has_seeds:
            self.workers.item_began(nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._has_seeds:
            self.workers.take(report)

    def timeline(self) -> RunTimeline | None:
        """What is known by now.

        Returns:
            The timeline; None where nothing ran.
        """
        return self.workers.timeline(self._collection, self._ended)


def timeline_of(config: pytest.Config) -> RunTimeline | None:
    """What each worker of a run has done by now.

    Args:
        config: pytest's, in the process that judges.

    Returns:
        The timeline; None where nothing ran.
    """
    hooks = config.pluginmanager.getplugin(PLUGIN)
    return hooks.timeline() if isinstance(hooks, TimelineHooks) else None
