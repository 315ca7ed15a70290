"""The hooks of the process that judges: the only one, or xdist's controller.

Registered at every start of pytest, so that what a run without regression tests does not need is
imported where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Set
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mlregress.node_ids import has_seed
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.session.settings_of_run import are_by_default, settings_of
from pytest_mlregress.session.worker_count import WARM_WORKERS, worker_count

if TYPE_CHECKING:
    from pytest_mlregress.revisions.against import Against
    from pytest_mlregress.session.base_of_run import BaseOfRun
    from pytest_mlregress.session.controller import Verdicts
    from pytest_mlregress.session.interrupts import WorkBeforeInterrupts
    from pytest_mlregress.session.lost_seeds import LostSeeds
    from pytest_mlregress.session.vectorized_reports import VectorizedReports
    from pytest_mlregress.session.verdict_items import EndsOfItems
    from pytest_mlregress.settings import Settings

_REGULAR_ENDS: Final = (
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.NO_TESTS_COLLECTED,
)


class ControllerHooks:
    """The hooks of the process that judges.

    Args:
        config: pytest's.
        settings: in place of those of the run.
    """

    def __init__(self, config: pytest.Config, settings: Settings | None = None) -> None:
        self._config = config
        self._by_default = settings is None and are_by_default(config)
        if settings is not None:
            self._settings = settings
        self._session: pytest.Session | None = None
        self._verdicts: Verdicts | None = None
        self._under_way: set[str] = set()
        self._ends: EndsOfItems | None = None
        self._places_checked = False
        self._has_seeds = False
        self._loading: WorkBeforeInterrupts | None = None
        self._restore_interrupts: Callable[[], None] = lambda: None
        self._base: BaseOfRun | None = None
        self._vectorized: VectorizedReports | None = None
        self._lost: LostSeeds | None = None

    @cached_property
    def _settings(self) -> Settings:
        """Those of the run; asked for only where a run without regression tests may have others."""
        return settings_of(self._config)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session
        if self._by_default:
            return
        if self._settings.against is not None:
            self._prepare_base(self._settings.against)
        for path in self._settings.report:
            self._check_report(path)
        if self._settings.updating:
            self._judge()  # refuses a dirty tree before hours of training, not after

    def _prepare_base(self, against: Against) -> None:
        option = self._config.option
        if option.collectonly or option.setuponly or option.setupplan or self._settings.plan:
            return  # nothing trains
        from pytest_mlregress.session.base_of_run import prepare_base
        from pytest_mlregress.session.pair_hooks import WORKER_INPUT, PairHooks

        self._base = prepare_base(self._config, against)
        hooks = PairHooks(self._settings, self._base.side)
        self._config.pluginmanager.register(hooks, WORKER_INPUT)

    def pytest_unconfigure(self) -> None:
        """Put the base away, once no worker needs it any more."""
        self._restore_interrupts()
        base, self._base = self._base, None
        if base is not None:
            status = self._session.exitstatus if self._session is not None else None
            base.release(status in _REGULAR_ENDS)

    def _check_report(self, path: str) -> None:
        from pytest_mlregress.reporting.report import ReportError
        from pytest_mlregress.reporting.write_report import check_report_path

        try:
            check_report_path(path)
        except ReportError as error:
            raise pytest.UsageError(str(error)) from None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        files = {item.path for item in session.items if SEED_ITEM in item.stash}
        if self._begins_with(files) and WARM_WORKERS not in self._config.stash:
            from pytest_mlregress.session.loaded_statistics import load_statistics

            load_statistics()  # warm workers are forked without it
        self._check_places(files)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        from pytest_mlregress.running.seed_items import seed_files
        from pytest_mlregress.session.loaded_statistics import load_statistics_meanwhile

        files = seed_files(ids, self._config.rootpath)
        if self._begins_with(files):
            self._loading = load_statistics_meanwhile()
            self._restore_interrupts = self._loading.restore
        self._check_places(files)

    def _begins_with(self, files: Set[Path]) -> bool:
        """Whether these are the first files with seeds to run."""
        if not files or self._has_seeds or self._config.option.collectonly:
            return False
        self._has_seeds = True
        return True

    def _check_places(self, files: Set[Path]) -> None:
        """Once per run, and only in one that has seeds to run."""
        if not files or self._places_checked or self._config.option.collectonly:
            return
        if not self._settings.compares_sides:
            from pytest_mlregress.session.recorded_baselines import check_places

            self._places_checked = True
            check_places(self._config, self._settings, files)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        if not self._may_have_seeds(session):
            return (yield)
        if self._settings.plan and not self._config.option.collectonly:
            self._judge().plan(session.items)
            session.items.clear()
        from pytest_mlregress.session.verdict_items import EndsOfItems, verdict_items

        if self._config.option.collectonly:  # what is listed has been printed; tools read on
            session.items += verdict_items(session.items)
        self._ends = EndsOfItems(self._finish)
        self._config.pluginmanager.register(self._ends, "mlregress-ends-of-items")
        if self._runs_in_workers():
            from pytest_mlregress.resources.process_end import MemoryKills
            from pytest_mlregress.session.lost_seeds import LostSeeds

            self._lost = LostSeeds(MemoryKills() if self._settings.engine == "local" else None)
        try:
            result = yield
            if self._is_interrupted():
                raise KeyboardInterrupt
        except BaseException as error:
            from pytest_mlregress.session.interrupts import end_in_peace

            self._restore_interrupts()
            self._restore_interrupts = end_in_peace()
            self._ends.tell()
            if self._verdicts is not None or self._runs_seeds():
                self._judge().interrupt()
            if self._is_interrupted() and not isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt from None  # the workers ended by it before this process
            raise
        if self._verdicts is not None:
            self._verdicts.close()
        return result

    def _is_interrupted(self) -> bool:
        return self._loading is not None and self._loading.interrupted

    def _may_have_seeds(self, session: pytest.Session) -> bool:
        """Whether any item may be a seed: workers of xdist tell later what they have collected."""
        return (
            not self._by_default
            or worker_count(self._config) > 0
            or any(SEED_ITEM in item.stash for item in session.items)
        )

    def _runs_in_workers(self) -> bool:
        return self._settings.engine != "local" or worker_count(self._config) > 0

    def _runs_seeds(self) -> bool:
        option = self._config.option
        return self._has_seeds and not (option.setuponly or option.setupplan)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        if self._ends is None:
            return None
        from pytest_mlregress.session.verdict_items import VerdictItem

        if not isinstance(item, VerdictItem):
            return None
        item.report()
        return True

    @pytest.hookimpl(optionalhook=True, trylast=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> object:
        """Hand out the longest seeds first; xdist's own comes after this one."""
        if config.getoption("dist") != "load":
            return None
        from pytest_mlregress.running.seed_scheduling import seed_scheduling

        return seed_scheduling(config, log)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(
        self, crashitem: str, report: pytest.TestReport, sched: object
    ) -> None:
        self._under_way.discard(crashitem)
        if self._verdicts is not None:
            self._verdicts.on_worker_crash(crashitem, report, sched)
        elif (
            self._lost is not None
            and self._has_seeds
            and has_seed(crashitem)
            and not self._lost.run_again(crashitem, report, sched)
        ):
            self._judge()  # takes in the report of the loss, until its test is known

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take from a worker what only workers know: the controller collects nothing."""
        if not self._by_default and self._settings.shard is not None:
            from pytest_mlregress.session.shard_items import receive_collected

            receive_collected(self._config, getattr(node, "workeroutput", {}))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._under_way.add(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        option = self._config.option
        if option.setuponly or option.setupplan:  # no test runs, so that there is none to judge
            return
        if self._verdicts is not None or hasattr(report, "mlregress"):
            self._judge().report(report)
        if "together" in getattr(report, "mlregress", {}):
            self._trained_together().take(report)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._under_way.discard(nodeid)
        if self._ends is not None and self._verdicts is not None and self._verdicts.ends(nodeid):
            self._ends.note(nodeid)
        if self._vectorized is not None:
            self._vectorized.log(nodeid)
        if self._verdicts is not None:
            self._verdicts.release(nodeid)

    def _trained_together(self) -> VectorizedReports:
        if self._vectorized is None:
            from pytest_mlregress.session.vectorized_reports import VectorizedReports

            assert self._session is not None
            self._vectorized = VectorizedReports(self._session)
        return self._vectorized

    def _finish(self, nodeid: str, nextitem: pytest.Item | None) -> None:
        if self._verdicts is not None:
            self._verdicts.finish(nodeid, nextitem)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._verdicts is not None:
            self._verdicts.summary.print_to(terminalreporter)

    @pytest.hookimpl(tryfirst=True)  # before the JUnit XML is written
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        option = self._config.option
        if self._verdicts is None and self._by_default and option.markexpr != "mlregress":
            return
        # A run that looks for regression tests may have found the last one gone.
        looked_for = self._settings.prune or option.markexpr == "mlregress"
        nothing_runs = option.collectonly or option.setuponly or option.setupplan
        if self._verdicts is not None or self._settings.report or (looked_for and not nothing_runs):
            self._judge().write_reports()
        if self._settings.junit == "verdicts" and self._verdicts is not None:
            from pytest_mlregress import _compat

            _compat.leave_out_of_junit(session.config, self._verdicts.seed_node_ids)

    def _judge(self) -> Verdicts:
        if self._verdicts is None:
            from pytest_mlregress.running.stop_flags import stop_flags
            from pytest_mlregress.session.controller import Verdicts

            assert self._session is not None
            self._verdicts = Verdicts(
                self._session,
                self._settings,
                stop_flags(self._config),
                under_way=self._under_way,
                base=self._base,
                lost=self._lost,
            )
        return self._verdicts
