"""Both items of a pair go to the same worker of pytest-xdist, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from pytest_mlregress.running.pairs import pair_of

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController  # type: ignore[import-untyped]


ENOUGH: Final = 2
"""A worker with more pending items than this gets no others yet."""


class PairScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """xdist's scheduling by scopes, whose scope is a pair.

    Unlike its parent it can run a lost item again, and leaves the lost one out otherwise. And it
    never leaves a worker with a single item, which a worker does not start before it knows the
    next one or that there is none.
    """

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        self._retried: set[str] = set()

    def _split_scope(self, nodeid: str) -> str:
        return f"{nodeid} again" if nodeid in self._retried else pair_of(nodeid)

    def _reschedule(self, node: WorkerController) -> None:
        if node.shutting_down or node not in self.registered_collections:
            return  # it ends, or has not collected yet
        while self.workqueue and self._pending_of(self.assigned_work[node]) <= ENOUGH:
            self._assign_work_unit(node)
        if not self.workqueue:
            node.shutdown()

    def remove_node(self, node: WorkerController) -> str | None:
        """Take a lost worker's pairs back; the item that it died in is not run a second time.

        Args:
            node: the worker.

        Returns:
            That item, None where the worker had nothing to do.
        """
        units = self.assigned_work[node].values()
        lost = next((item for unit in units for item, done in unit.items() if not done), None)
        if lost is not None:
            self.assigned_work[node][self._split_scope(lost)][lost] = True
        super().remove_node(node)
        return lost

    def mark_test_pending(self, item: str) -> None:
        """Run a lost item again.

        Args:
            item: its node id.
        """
        self._retried.add(item)  # apart from its pair, which may be on its way to a worker
        scope = self._split_scope(item)
        self.workqueue[scope] = {item: False}
        self.workqueue.move_to_end(scope, last=False)
        for node in self.nodes:
            self._reschedule(node)


def pair_scheduling(config: pytest.Config, log: Any) -> PairScheduling:
    """The scheduler of an A/B run.

    Args:
        config: pytest's.
        log: xdist's.

    Returns:
        The scheduler.
    """
    return PairScheduling(config, log)
