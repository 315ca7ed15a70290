"""``--mlregress-workers``: workers that are forked once everything is collected and imported.

Where this process must not be forked, xdist starts them instead, and one line says why.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.plurals import count_of
from pytest_mlregress.running import progress_channel, threads
from pytest_mlregress.running.pairs import pair_of
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.stop_flags import stop_flags
from pytest_mlregress.session.engine import has_items_to_run
from pytest_mlregress.session.loaded_statistics import load_statistics
from pytest_mlregress.session.seed_order import order_of
from pytest_mlregress.session.worker_count import WARM_WORKERS
from pytest_mlregress.settings import Settings

if TYPE_CHECKING:
    from pytest_mlregress.engines.queue import ItemQueue

PLUGIN: Final = "mlregress-warm-workers"


def are_asked_for(config: pytest.Config) -> bool:
    """Whether this process is to fork workers; nothing runs in one that lists or debugs."""
    option = config.option
    return not (
        hasattr(config, "workerinput")
        or option.collectonly
        or option.setuponly
        or option.setupplan
        or option.mlregress_plan
        or option.usepdb
        or option.trace
    )


class WarmWorkers:
    """The hooks of a process that forks workers.

    Args:
        config: pytest's.
        settings: the settings of the run.
        workers: how many, or ``"auto"``.

    Raises:
        pytest.UsageError: xdist is to start workers, too.
    """

    def __init__(
        self, config: pytest.Config, settings: Settings, workers: int | Literal["auto"]
    ) -> None:
        if config.getoption("dist", "no") != "no":
            raise pytest.UsageError(
                f"--mlregress-workers={workers} and -n both start workers: leave one of them out, "
                "or give -n 0 where the ini file has the other"
            )
        self._config = config
        self._settings = settings
        self._asked = workers
        self._why = ""
        config.stash[WARM_WORKERS] = workers if workers != "auto" else 1

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Know the number before anything is said of the run's cost."""
        if self._asked == "auto":
            from pytest_mlregress.session.automatic_workers import automatic_workers

            records = [item.stash[SEED_ITEM] for item in session.items if SEED_ITEM in item.stash]
            number, self._why = automatic_workers(self._config, self._settings, records)
            self._config.stash[WARM_WORKERS] = number

    def pytest_report_collectionfinish(self, items: list[pytest.Item]) -> list[str]:
        """How many there are, and why."""
        if not items:
            return []
        number = count_of(self._config.stash[WARM_WORKERS], "forked worker")
        why = f", {self._why}" if self._why else ""
        return [f"{number} [{count_of(len(items), 'item')}{why}]"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the items in workers; None leaves errors of the collection to pytest."""
        if not has_items_to_run(session):
            return None
        from pytest_mlregress.engines.fork_safety import reason_against_fork
        from pytest_mlregress.engines.garbage import collect_as_before

        collect_as_before(self._config)
        reason = reason_against_fork()
        if reason is not None:
            return self._run_by_xdist(session, reason)
        self._run_in_workers(session)
        return True

    def _run_in_workers(self, session: pytest.Session) -> None:
        from pytest_mlregress.engines.forked_workers import ForkedWorkers
        from pytest_mlregress.engines.item_run import ItemRun
        from pytest_mlregress.running.seed_reads import read_by
        from pytest_mlregress.session.remembered_imports import RememberedImports, imports_early

        most = self._config.stash[WARM_WORKERS]
        has_seeds = any(SEED_ITEM in item.stash for item in session.items)
        imports = RememberedImports(self._config)
        early = imports.before_fork(session.items) if imports_early(self._settings) else {}
        workers = ForkedWorkers(
            session,
            most,
            {stop_flags_key(): str(stop_flags(self._config).folder)},
            _prepare,
            own=_needed_by_seeds(self._settings) if has_seeds else (),
            others=list(early),
            around=lambda name: read_by(self._config, early[name]),
            note_imports=imports.add,
        )
        items = ItemRun(session, workers, self._queue(session.items), most)
        try:
            items.run(_prepare_judging if has_seeds else _collect_garbage, at_once=bool(early))
        finally:
            imports.leave_out(workers.left_out)
            imports.save()

    def _queue(self, items: Sequence[pytest.Item]) -> ItemQueue:
        from pytest_mlregress.engines.queue import ItemQueue

        node_ids = [item.nodeid for item in items]
        unit_of = pair_of if self._settings.compares_sides else str
        return ItemQueue(node_ids, order_of(self._config, self._settings, items), unit_of)

    def _run_by_xdist(self, session: pytest.Session, reason: str) -> bool | None:
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and self._config.option.verbose >= 0:
            reporter.write_line(
                f"mlregress: workers are started by xdist, not forked, since {reason}"
            )
        number = self._config.stash[WARM_WORKERS]
        self._config.stash[WARM_WORKERS] = 0
        load_statistics()
        variables = threads.export_threads(self._settings.threads)
        try:
            return _compat.run_by_xdist(session, number)
        finally:
            threads.restore_variables(variables)


def _needed_by_seeds(settings: Settings) -> list[str]:
    """The modules of this plugin that seeds run with."""
    guards = ["pytest_mlregress.bughunt.guards"] if "torch.nn" in sys.modules else []
    return ["pytest_mlregress.running.execution", *(guards if settings.guards != "off" else [])]


def _prepare_judging() -> None:
    """While workers start: load the statistics, and do what the fork did not wait for."""
    load_statistics()
    _collect_garbage()


def _collect_garbage() -> None:
    from pytest_mlregress.engines.garbage import collect_what_was_left_out

    collect_what_was_left_out()


def stop_flags_key() -> str:
    """The key of ``workerinput`` for the folder that processes of a run share."""
    from pytest_mlregress.running.stop_flags import WORKER_INPUT

    return WORKER_INPUT


def _prepare(config: pytest.Config, worker: str) -> None:
    """In a worker: what its seed logs goes to where the other process looks."""
    if progress_channel.PUBLISH in config.stash:
        config.stash[progress_channel.PUBLISH] = progress_channel.publish_to_file(config, worker)
