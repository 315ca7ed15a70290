"""``--mlregress-engine=ray``: the hooks of the process whose seeds run in actors of Ray."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mlregress.engines.ray_cluster import RayCluster, RayError
from pytest_mlregress.plurals import count_of
from pytest_mlregress.resources.cluster import Node, places
from pytest_mlregress.resources.need import Need
from pytest_mlregress.running import declared_needs, progress_channel
from pytest_mlregress.running.pairs import pair_of
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.stop_flags import stop_flags
from pytest_mlregress.session.engine import has_items_to_run
from pytest_mlregress.session.loaded_statistics import load_statistics
from pytest_mlregress.session.seed_order import order_of
from pytest_mlregress.session.worker_count import WARM_WORKERS
from pytest_mlregress.settings import Settings

if TYPE_CHECKING:
    from pytest_mlregress.engines.ray_workers import Kind
    from pytest_mlregress.session.ray_starts import RayStarts

_LIVE_CALL_S: Final = 1.0
"""A call takes so long at most where somebody looks at what seeds log."""
_TERMINATED: Final = 143
"""What a shell says of a process that SIGTERM has ended."""


class RayEngine:
    """The hooks of a process that hands items out to actors.

    Args:
        config: pytest's.
        settings: the settings of the run.

    Raises:
        pytest.UsageError: Ray is not installed.
    """

    def __init__(self, config: pytest.Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._environment = dict(os.environ)
        self._needs: list[Need] = []
        self._of_item: list[int] = []
        self._shortfalls: dict[str, str] = {}
        try:
            self._cluster = RayCluster(settings.ray_address)
        except RayError as error:
            raise pytest.UsageError(str(error)) from None
        config.stash[WARM_WORKERS] = 1  # until it is known what there is

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        """Connect to the user's cluster before anything is collected in vain."""
        if self._cluster.is_own:
            return
        try:
            self._cluster.connect()
        except RayError as error:
            raise pytest.UsageError(str(error)) from None
        self._config.stash[declared_needs.NODES] = [node.has for node in self._cluster.nodes()]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Know the number of workers before anything is said of the run's cost."""
        self._of_item, self._needs = declared_needs.needs_of(session.items)
        records = [item.stash[SEED_ITEM] for item in session.items if SEED_ITEM in item.stash]
        self._shortfalls = {one.test: one.shortfall for one in records if one.shortfall is not None}
        self._config.stash[WARM_WORKERS] = self._most_at_once()

    def pytest_report_collectionfinish(self, items: list[pytest.Item]) -> list[str]:
        """How many workers there are, and where."""
        if not items:
            return []
        workers = count_of(self._config.stash[WARM_WORKERS], "Ray worker")
        where = (
            "a cluster of this machine"
            if self._cluster.is_own
            else f"{count_of(len(self._nodes()), 'node')} of the cluster"
        )
        return [f"{workers} on {where} [{count_of(len(items), 'item')}]"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run the items in actors; None leaves errors of the collection to pytest."""
        if not has_items_to_run(session):
            return None
        try:
            self._run(session)
        except RayError as error:
            raise pytest.UsageError(str(error)) from None
        except SystemExit:  # Ray's handler of SIGTERM raises it here
            pytest.exit("ended by SIGTERM", returncode=_TERMINATED)
        finally:
            self._cluster.close()
        return True

    def pytest_unconfigure(self) -> None:
        """Leave the cluster where no item was run."""
        self._cluster.close()

    def _run(self, session: pytest.Session) -> None:
        from pytest_mlregress.engines.item_run import ItemRun
        from pytest_mlregress.engines.need_queue import NeedQueue
        from pytest_mlregress.engines.ray_workers import LONGEST_CALL_S, RayWorkers
        from pytest_mlregress.engines.workers import collection_digest

        node_ids = [item.nodeid for item in session.items]
        starts = self._prepare_cluster(collection_digest(node_ids))
        flags = stop_flags(self._config)
        order = order_of(self._config, self._settings, session.items)
        kinds = range(len(self._needs))
        queue = NeedQueue(
            node_ids,
            self._of_item,
            [[at for at in order if self._of_item[at] == kind] for kind in kinds],
            lambda number: workers.kind_of(number),
            pair_of if self._settings.compares_sides else str,
        )

        def stopped(index: int) -> str | None:
            record = session.items[index].stash.get(SEED_ITEM, None)
            return record.test if record is not None and flags.is_raised(record.test) else None

        ray = self._cluster.ray
        workers = RayWorkers(
            ray,
            self._kinds(),
            queue,
            self._limit(),
            start_of=starts.start_of,
            digests=ray.put(starts.digests) if starts.digests is not None else None,
            stopped=stopped,
            keep_progress=lambda number, text: progress_channel.keep_progress(
                flags.folder, f"gw{number}", text
            ),
            call_s=_LIVE_CALL_S if starts.shows_progress else LONGEST_CALL_S,
            say=self._say,
            describe=self._describe,
        )
        most = min(self._limit(), sum(kind.most for kind in workers.kinds))
        ItemRun(session, workers, queue, most).run(load_statistics)

    def _prepare_cluster(self, collection: str) -> RayStarts:
        """Start or use the cluster, with the code where its nodes find it."""
        from pytest_mlregress.session.ray_starts import RayStarts

        starts = RayStarts(
            self._config,
            self._settings,
            self._environment,
            self._config.stash[WARM_WORKERS],
            self._shortfalls,
            collection,
        )
        if self._cluster.is_own:
            here = self._nodes()[0]
            self._cluster.start(max(int(here.cpus), self._limit_of_user() or 1), int(here.gpus))
        else:
            starts.share_code(self._cluster)
        return starts

    def _nodes(self) -> Sequence[Node]:
        known = self._config.stash.get(declared_needs.NODES, None)
        return known if known is not None else [declared_needs.this_machine(self._config)]

    def _threads(self) -> float:
        threads = self._settings.threads
        return 1.0 if threads == "keep" else float(threads)

    def _limit_of_user(self) -> int | None:
        asked = self._settings.workers
        return asked if isinstance(asked, int) else None

    def _limit(self) -> int:
        return self._limit_of_user() or max(1, len(self._of_item))

    def _places(self, need: Need) -> int:
        found = places(need, self._nodes(), self._threads())
        if self._cluster.is_own and not need:
            return max(found, self._limit_of_user() or 1)
        return max(1, found)

    def _most_at_once(self) -> int:
        most = max((self._places(need) for need in self._needs), default=1)
        return max(1, min(most, self._limit(), len(self._of_item)))

    def _kinds(self) -> list[Kind]:
        from pytest_mlregress.engines.ray_workers import Kind

        kinds = []
        for number, need in enumerate(self._needs):
            options: dict[str, Any] = {
                "num_cpus": self._threads() if need.cpus is None else need.cpus,
                "num_gpus": need.gpus or 0,
            }
            if need.memory:
                options["memory"] = int(need.memory)
            kinds.append(
                Kind(options, max(1, min(self._places(need), self._of_item.count(number))))
            )
        return kinds

    def _describe(self) -> str:
        ray = self._cluster.ray
        has, free = ray.cluster_resources(), ray.available_resources()
        return (
            f"the cluster has {has.get('CPU', 0):g} CPUs, {free.get('CPU', 0):g} of them free, and "
            f"{has.get('GPU', 0):g} GPUs, {free.get('GPU', 0):g} of them free; `ray status` shows "
            "who uses them"
        )

    def _say(self, line: str) -> None:
        reporter: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and self._config.option.verbose >= 0:
            reporter.ensure_newline()
            reporter.write_line(line)
