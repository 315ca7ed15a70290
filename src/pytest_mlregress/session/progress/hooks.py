"""The hooks that tell of a run's progress, in the process that pytest's terminal belongs to.

Registered at every start of pytest, so that what a run without regression tests does not need is
imported where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mlregress.node_ids import has_seed
from pytest_mlregress.running.seed_keys import REPORT_ATTRIBUTE, SEED_ITEM
from pytest_mlregress.session.settings_of_run import settings_of
from pytest_mlregress.session.worker_count import worker_count

if TYPE_CHECKING:
    from pytest_mlregress.baselines.artifact import Artifact
    from pytest_mlregress.running.progress_channel import CollectedTest, SeedProgress
    from pytest_mlregress.session.progress.mode import Mode
    from pytest_mlregress.session.progress.state import RunState
    from pytest_mlregress.session.progress.writer import ProgressWriter
    from pytest_mlregress.settings import Settings

LINE_EVERY_S: Final = 60.0
"""Single lines come this often at most, and not before the run has taken so long."""

_DRAWN_EVERY_S: Final = 0.25
_DRAWN_BESIDE_TRAINING_EVERY_S: Final = 1.0
"""Less often where the process that draws is the one that trains."""


class ProgressHooks:
    """Tells of the progress of a run.

    Args:
        config: pytest's.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._state: RunState | None = None
        self._writer: ProgressWriter | None = None
        self._logged: SeedProgress | None = None
        self._pending_cost: str | None = None
        self._undo: Callable[[], None] | None = None

    @cached_property
    def _settings(self) -> Settings:
        return settings_of(self._config)

    @cached_property
    def mode(self) -> Mode:
        """How this run tells of its progress, found out when first asked for."""
        from pytest_mlregress.session.progress.mode import progress_mode

        return progress_mode(self._config, self._settings)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        from pytest_mlregress.running.progress_channel import WORKER_INPUT

        if self.mode != "off":
            node.workerinput[WORKER_INPUT] = self.mode == "live"

    def pytest_report_collectionfinish(self, items: list[pytest.Item]) -> list[str]:
        """Where this process collects: what this run will cost, below the number of items."""
        if not any(SEED_ITEM in item.stash for item in items) or self.mode == "off":
            return []
        from pytest_mlregress.running.progress_channel import PUBLISH, collected_tests

        if self.mode == "live":
            self._config.stash[PUBLISH] = self._take
        self._collected(collected_tests(items), workers=max(worker_count(self._config), 1))
        line, self._pending_cost = self._pending_cost, None
        return [line] if line is not None else []

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        if self._state is not None or not any(map(has_seed, ids)) or self.mode == "off":
            return
        from pytest_mlregress.running.progress_channel import read_collected
        from pytest_mlregress.running.stop_flags import stop_flags

        workers = worker_count(self._config)
        self._collected(read_collected(stop_flags(self._config).folder), workers=max(workers, 1))

    def _collected(self, tests: Sequence[CollectedTest], *, workers: int) -> None:
        from pytest_mlregress.reporting.progress_text import cost_line
        from pytest_mlregress.session.progress.state import RunState
        from pytest_mlregress.verdicts.cost import run_cost

        sides = 2 if self._settings.compares_sides else 1
        state = self._state = RunState(workers, sides)
        state.collected(tests, self._baselines(tests))
        counted = [(sides * test.remaining, test.cost) for test in state.tests.values()]
        if (cost := run_cost(counted, workers)) is not None:
            self._pending_cost = f"mlregress: {cost_line(cost)}"

    def _baselines(self, tests: Sequence[CollectedTest]) -> dict[str, Artifact]:
        """Those that can be read; of the others their verdicts will tell."""
        from pytest_mlregress.baselines.errors import BaselineError
        from pytest_mlregress.session.recorded_baselines import suite_baselines_of

        found = {}
        for one in tests:
            try:
                store = suite_baselines_of(self._config, self._settings)
                baseline = store.find(Path(one.file), one.test, one.tier)
            except BaselineError:
                continue
            if baseline is not None:
                found[one.test] = baseline
        return found

    def _take(self, progress: SeedProgress) -> None:
        self._logged = progress

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if self._state is None:
            return
        if self._pending_cost is not None:
            line, self._pending_cost = self._pending_cost, None
            self._write_line(line)
        self._state.started(nodeid)
        if self._writer is None and self._state.tests:
            self._writer = self._open_writer()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._state is None:
            return
        payload = getattr(report, REPORT_ATTRIBUTE, None)
        if payload is not None and str(report.outcome) != "rerun":
            self._state.reported(report.nodeid, payload, report.when)
        elif hasattr(report, "mlregress_verdict"):
            self._state.decided(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if self._state is not None:
            self._state.ended(nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        if self._state is not None:
            self._state.ended(crashitem)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        try:
            return (yield)
        finally:
            self._close_writer()

    def pytest_enter_pdb(self) -> None:
        if self._writer is not None:
            self._writer.hold(True)

    def pytest_leave_pdb(self) -> None:
        if self._writer is not None:
            self._writer.hold(False)

    def pytest_unconfigure(self) -> None:
        self._close_writer()

    def _open_writer(self) -> ProgressWriter:
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if self.mode == "lines":
            from pytest_mlregress.session.progress.lines import ProgressLines

            return ProgressLines(reporter, self._line, LINE_EVERY_S)
        from pytest_mlregress import _compat
        from pytest_mlregress.session.progress.region import ProgressRegion

        beside = worker_count(self._config) == 0
        every = _DRAWN_BESIDE_TRAINING_EVERY_S if beside else _DRAWN_EVERY_S
        region = ProgressRegion(reporter, self._lines, every)
        self._undo = _compat.call_before_debugger(partial(region.hold, True))
        return region

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        if self._undo is not None:
            self._undo()
            self._undo = None

    def _lines(self, width: int, height: int) -> list[str]:
        from pytest_mlregress.reporting.progress_view import live_lines
        from pytest_mlregress.running.progress_channel import seeds_in
        from pytest_mlregress.running.stop_flags import stop_flags

        assert self._state is not None
        if worker_count(self._config):
            logged = seeds_in(stop_flags(self._config).folder)
        else:
            logged = [self._logged] if self._logged is not None else []
        return live_lines(self._state.view(logged), width, height)

    def _line(self) -> str:
        from pytest_mlregress.reporting.progress_text import progress_line

        assert self._state is not None
        view = self._state.view()
        return f"mlregress: {progress_line(view.done, view.total, view.left)}"

    def _write_line(self, line: str) -> None:
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(line)
            reporter.flush()
