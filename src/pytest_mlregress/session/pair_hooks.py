"""The hooks of an A/B run, in every process that has items or judges.

Registered only where a base is, and last, so that its wrappers are around those of all others.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Final

import pytest

from pytest_mlregress.revisions.base_side import BaseSide
from pytest_mlregress.revisions.first_party import watch_candidate
from pytest_mlregress.running.base_execution import (
    BaseExecution,
    base_execution_of,
    close_base_execution,
)
from pytest_mlregress.running.pairs import BaseSeedItem, insert_base_items
from pytest_mlregress.running.seed_keys import REPORT_ATTRIBUTE, SEED_ITEM
from pytest_mlregress.settings import Settings

WORKER_INPUT: Final = "mlregress_base"
"""In ``config.workerinput``: the base, as plain builtins."""


_BY_ITEM: Final = ("load", "worksteal")
"""Values of ``--dist`` that may send the items of a pair to two workers."""


class PairHooks:
    """The hooks of an A/B run.

    Args:
        settings: the settings of the run.
        side: the base.

    Attributes:
        side: the base.
    """

    def __init__(self, settings: Settings, side: BaseSide) -> None:
        self._settings = settings
        self.side = side
        self._first_party = watch_candidate(
            side.candidate_checkout, side.candidate_rootdir, side.checkout, "this tree"
        )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        """Once nothing else removes or moves items, put the base's beside the candidate's."""
        result = yield
        if not config.option.collectonly:
            insert_base_items(items)
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Run a seed of the base; before one of the candidate, let the companion collect."""
        if isinstance(item, BaseSeedItem):
            self.execution(item.config).run(item, nextitem)
            return True
        record = item.stash.get(SEED_ITEM, None)
        if record is not None:
            self.execution(item.config).prepare(record)
        return None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Say on a candidate's last report if it has imported the code of elsewhere."""
        report = yield
        if report.when == "teardown" and SEED_ITEM in item.stash:
            payload: dict[str, Any] = getattr(report, REPORT_ATTRIBUTE)
            payload["wrong_origin"] = self._first_party.check(item.nodeid)
        return report

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """End the companion."""
        close_base_execution(session.config)
        self._first_party.stop()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of the base."""
        node.workerinput[WORKER_INPUT] = self.side.to_builtins()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> object:
        """Keep both items of a pair on one worker; where whole files are kept on one, they are."""
        if config.getoption("dist") not in _BY_ITEM:
            return None
        from pytest_mlregress.running.pair_scheduling import pair_scheduling

        return pair_scheduling(config, log)

    def execution(self, config: pytest.Config) -> BaseExecution:
        """What runs the base's seeds in this process."""
        return base_execution_of(config, self._settings, self.side)
