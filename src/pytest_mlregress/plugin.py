"""The hooks, in the order in which pytest calls them.

This module is imported at every start of pytest: it and what it imports load neither numpy, scipy,
torch nor rich, and what a run without regression tests does not need is imported where it is used.

They run in every process; the hooks of the one that reaches verdicts, the only process or xdist's
controller, are in `session/controller_hooks.py`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mlregress import _compat, fixtures, hookspecs, options
from pytest_mlregress.fixtures import (  # noqa: F401 - pytest finds fixtures by name
    bughunt,
    check_logits,
    check_view_permute,
    mlregress,
    overfit_single_batch,
    seed,
)
from pytest_mlregress.options import resolve
from pytest_mlregress.running import (
    machine_share,
    node_id_selection,
    progress_channel,
    seed_items,
    seed_settings,
    serialization,
    splitting,
    stop_flags,
    threads,
)
from pytest_mlregress.running.markers import MARKER_HELP
from pytest_mlregress.running.seed_items import SEED_ITEM, SeedItem
from pytest_mlregress.session import mlregress_warning
from pytest_mlregress.session.controller_hooks import ControllerHooks
from pytest_mlregress.session.masked_reports import learn_options, mask_report
from pytest_mlregress.session.progress.hooks import ProgressHooks
from pytest_mlregress.session.timeline_hooks import PLUGIN as TIMELINE
from pytest_mlregress.session.timeline_hooks import TimelineHooks, note_begin
from pytest_mlregress.session.unused_tier import warn_of_unused_tier
from pytest_mlregress.session.worker_count import worker_count
from pytest_mlregress.settings import EVERY_TIER, SettingError, Settings

if TYPE_CHECKING:
    from pytest_mlregress.running.execution import Execution
    from pytest_mlregress.running.standing import Standing
    from pytest_mlregress.session.report_status import Status

COMPANION: Final = "mlregress_companion"
PAIRED: Final = "mlregress_base"
"""Keys of ``workerinput``, see `revisions/companion_session.py` and `session/pair_hooks.py`."""
SETTINGS: Final = pytest.StashKey[Settings]()
TRAINS: Final = pytest.StashKey[bool]()
"""Whether this session has any seed to run."""
VARIABLES: Final = pytest.StashKey[Mapping[str, str | None]]()


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)


def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    note_begin(early_config)
    seed_settings.note_start(early_config)
    try:
        options.refuse_misspelt(args)
    except SettingError as error:
        raise pytest.UsageError(str(error)) from None
    if (forked := options.threads_of_forked(early_config)) is not None:
        early_config.stash[VARIABLES] = threads.export_threads(forked)
    if options.may_record_reads(early_config):
        from pytest_mlregress.running.seed_reads import start_recorder

        start_recorder(early_config)  # before the first import that may read data


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    if config.getoption("mlregress_plan"):  # planning runs nothing, and so needs no workers
        if (asked := getattr(config.option, "numprocesses", None)) is not None:
            from pytest_mlregress.session.at_collection import PLANNED_WORKERS

            config.stash[PLANNED_WORKERS] = _compat.number_of_workers(config, asked)
        config.option.numprocesses = None
        config.option.dist = "no"
        config.option.tx = []


def pytest_configure(config: pytest.Config) -> None:
    learn_options(config)
    for line in MARKER_HELP:
        config.addinivalue_line("markers", line)
    try:
        config.stash[SETTINGS] = settings = resolve(config)
    except SettingError as error:
        raise pytest.UsageError(str(error)) from None
    worker = getattr(config, "workerinput", {})
    if COMPANION in worker:
        config.stash[SETTINGS] = settings = settings.of_companion
    config.pluginmanager.register(CollectionHooks(), "mlregress-collection")
    if options.may_record_reads(config) and not (settings.records_reads and _runs_seeds(config)):
        from pytest_mlregress.running.seed_reads import stop_recorder

        stop_recorder(config)
    if config.getoption("allure_report_dir", None):  # allure-pytest is there, and is to write
        from pytest_mlregress.integrations.allure import PLUGIN, AllureVerdicts

        config.pluginmanager.register(AllureVerdicts(config), PLUGIN)
    machine_share.note_callers_devices(config)
    recorded: machine_share.RecordedMemory = partial(_recorded_gpu_memory, config)
    config.stash[machine_share.RECORDED_GPU_MEMORY] = recorded
    if hasattr(config, "workerinput"):
        if not machine_share.is_placed(config):
            threads.pin_device(worker["workerid"])
        if worker.get(progress_channel.WORKER_INPUT, False) and not settings.companion:
            config.stash[progress_channel.PUBLISH] = progress_channel.publish_to_file(
                config, worker["workerid"]
            )
        if PAIRED in worker and not settings.companion:
            _compare_sides(config, settings, worker[PAIRED])
        return
    config.pluginmanager.register(_controller(config, settings), "mlregress-controller")
    config.pluginmanager.register(ProgressHooks(config, settings), "mlregress-progress")
    config.pluginmanager.register(TimelineHooks(config), TIMELINE)
    if settings.engine != "local":
        _use_engine(config, settings)
    elif settings.workers is not None:
        _fork_workers(config, settings)
    if config.getoption("dist", "no") != "no":  # xdist will start workers, after this hook
        _refuse_dist_each(config)
        config.stash[VARIABLES] = threads.export_threads(settings.threads)


def _fork_workers(config: pytest.Config, settings: Settings) -> None:
    from pytest_mlregress.session import warm_workers

    if settings.workers is not None and warm_workers.are_asked_for(config):
        hooks = warm_workers.WarmWorkers(config, settings, settings.workers)
        config.pluginmanager.register(hooks, warm_workers.PLUGIN)


def _use_engine(config: pytest.Config, settings: Settings) -> None:
    from pytest_mlregress.session import engine, warm_workers

    if warm_workers.are_asked_for(config):
        config.pluginmanager.register(engine.hooks_of(config, settings), engine.PLUGIN)


def _controller(config: pytest.Config, settings: Settings) -> object:
    if not settings.preflight:
        return ControllerHooks(config, settings)
    from pytest_mlregress.session.preflight_hooks import PreflightHooks

    return PreflightHooks(config)


def _runs_seeds(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput") or config.getoption("dist", "no") == "no"


def _compare_sides(config: pytest.Config, settings: Settings, side: Mapping[str, Any]) -> None:
    """In a worker of an A/B run: the base is the controller's."""
    from pytest_mlregress.revisions.base_side import BaseSide
    from pytest_mlregress.session.pair_hooks import PairHooks

    config.pluginmanager.register(PairHooks(settings, BaseSide.from_builtins(side)), PAIRED)


def _refuse_dist_each(config: pytest.Config) -> None:
    if config.getoption("dist") == "each":
        raise pytest.UsageError(
            "--dist=each runs every seed once per worker, and a repeated seed is not another "
            "sample; use --dist=load"
        )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput[stop_flags.WORKER_INPUT] = str(stop_flags.stop_flags(node.config).folder)


def pytest_report_header(config: pytest.Config) -> list[str]:
    settings = config.stash[SETTINGS]
    if not worker_count(config):
        return [settings.header]
    from pytest_mlregress.session.sharing_header import sharing_header

    return [settings.header, *sharing_header(worker_count(config), settings)]


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    node_id_selection.widen_arguments(session.config)
    settings = session.config.stash[SETTINGS]
    pairs = session.config.pluginmanager.getplugin(PAIRED)
    if (
        settings.keeps_seeds
        and not settings.plan
        and _runs_seeds(session.config)
        and not (pairs is not None and pairs.side.other_environment)
    ):
        from pytest_mlregress.session.reuse_hooks import ReuseHooks

        # Last, so that its wrapper sees what all others have put on a report.
        session.config.pluginmanager.register(
            ReuseHooks(session.config, settings, pairs), "mlregress-reuse"
        )


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    problem = seed_items.unittest_problem(report.result)
    if problem is not None:
        return pytest.CollectReport(collector.nodeid, "failed", longrepr=problem, result=[])
    return report


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    settings = metafunc.config.stash[SETTINGS]
    if not seed_items.is_regression_test(metafunc, plugin=fixtures.__name__):
        return
    declaration = seed_items.declare_seeds(metafunc, settings)
    if seed_items.hunts_once(metafunc, fixtures.HUNTING):
        return
    seed_items.note_overridden_seed(metafunc, plugin=fixtures.__name__)
    if settings.tier == EVERY_TIER and declaration.tiers:
        seed_items.parametrize_tiers(metafunc, declaration.tiers)
    seed_items.parametrize_seeds(metafunc, declaration.seeds)


def pytest_itemcollected(item: pytest.Item) -> None:
    seed_items.adopt(item, item.config.stash[SETTINGS])
    machine_share.skip_if_too_small(item)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    node_id_selection.deselect_unnamed(config, items)
    if not any(SEED_ITEM in item.stash for item in items):
        return
    settings = config.stash[SETTINGS]
    if settings.update_new_only:
        from pytest_mlregress.session.at_collection import deselect_recorded

        deselect_recorded(config, settings, items)
    if _is_seed_major(config) and not splitting.is_split(config):
        items[:] = seed_items.in_seed_major_order(items)
        if hasattr(config, "workerinput"):
            from pytest_mlregress.session.seed_order import reorder_for_xdist

            reorder_for_xdist(config, settings, items)


def _is_seed_major(config: pytest.Config) -> bool:
    return not config.getoption("stepwise", False)


def pytest_deselected(items: list[pytest.Item]) -> None:
    if items:
        splitting.note_deselected(items[0].config, items)


@pytest.hookimpl(tryfirst=True)  # before xdist tells the controller of it
def pytest_collection_finish(session: pytest.Session) -> None:
    items = session.items
    machine_share.give_devices(session.config, items)
    if session.config.stash[SETTINGS].shard is not None and _has_shard(session.config):
        session.config.stash[TRAINS] = any(SEED_ITEM in item.stash for item in items)
        _join_seeds(session)
        return
    removals = splitting.removals_of(session.config)
    session.config.stash[TRAINS] = seed_items.note_selected_seeds(
        items, removals.by_others(items), tests=len(removals.collected)
    )
    if not session.config.stash[SETTINGS].companion:
        progress_channel.tell_collected(session.config, items)
    _join_seeds(session)


def _join_seeds(session: pytest.Session) -> None:
    """One item for the seeds of a vectorized test, where they are to run and not to be listed."""
    vectorized = any(
        record.declaration.settings.vectorized
        for item in session.items
        if (record := item.stash.get(SEED_ITEM, None)) is not None
    )
    if vectorized and not (
        session.config.option.collectonly or session.config.stash[SETTINGS].preflight
    ):
        from pytest_mlregress.running.vectorized_items import join_seeds

        join_seeds(session.items)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if SEED_ITEM not in item.stash:
        return (yield)
    with _execution(item.config).protocol(item):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if SEED_ITEM in item.stash:
        _execution(item.config).setup(item)  # skips a seed that no verdict needs any more
        mlregress_warning.warn_of_overridden_seed(item, item.stash[SEED_ITEM].overridden)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    if not request.config.stash.get(TRAINS, False):
        return (yield)
    with _execution(request.config).fixture(fixturedef, request._pyfuncitem):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    if SEED_ITEM not in pyfuncitem.stash:
        return (yield)
    with _execution(pyfuncitem.config).call(pyfuncitem):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if SEED_ITEM in item.stash:
        _execution(item.config).report(item, report)
        mask_report(report)
    return report


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> bool | None:
    """Hook of pytest-timeout, for a limit that ends a whole worker."""
    if SEED_ITEM not in item.stash or not hasattr(item.config, "workerinput"):
        return None
    from pytest_mlregress.running.time_limits import end_after_report

    return end_after_report(item, settings, _execution(item.config)) or None


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable(
    report: pytest.CollectReport | pytest.TestReport,
) -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
    data = yield
    if data is None or not hasattr(report, "mlregress"):
        return data
    return serialization.plain(data)  # type: ignore[no-any-return]


def pytest_report_teststatus(report: pytest.TestReport) -> Status | None:
    ours = ("mlregress", "mlregress_verdict", "mlregress_lost")
    if not any(hasattr(report, name) for name in ours):
        return None
    from pytest_mlregress.session.report_status import status_of

    return status_of(report)


def pytest_unconfigure(config: pytest.Config) -> None:
    threads.restore_variables(config.stash.get(VARIABLES, {}))
    machine_share.restore_devices(config)
    stop_flags.remove_stop_flags(config)


class CollectionHooks:
    """Around every other plugin's view of the items."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        warn_of_unused_tier(session, items)
        splitting.note_collected(config, items)
        if splitting.is_split(config):  # of what the user selected, not of the rest
            _compat.deselect_as_asked(config, items)
        result = yield
        if splitting.is_split(config):
            splitting.reunite_seeds(config, items, seed_major=_is_seed_major(config))
        settings = config.stash[SETTINGS]
        if settings.shard is not None:
            from pytest_mlregress.session.shard_items import keep_own_seeds

            keep_own_seeds(config, settings, settings.shard, items)
        return result


def _has_shard(config: pytest.Config) -> bool:
    """Whether the seeds of other jobs were left out; a worker tells the controller of them."""
    from pytest_mlregress.session.shard_items import is_sharded, send_collected

    send_collected(config)
    return is_sharded(config)


def _execution(config: pytest.Config) -> Execution:
    from pytest_mlregress.running.execution import Execution, execution_of
    from pytest_mlregress.session.recorded_baselines import curves_of

    settings = config.stash[SETTINGS]
    standing_of = partial(_standing_of, config)
    kind: type[Execution] = Execution
    if settings.preflight:
        from pytest_mlregress.running.preflight import PreflightExecution

        kind = PreflightExecution
    return execution_of(config, settings, partial(curves_of, config), standing_of, kind)


def _recorded_gpu_memory(config: pytest.Config, record: SeedItem) -> int | None:
    from pytest_mlregress.running.seed_reads import unrecorded
    from pytest_mlregress.session.recorded_baselines import gpu_memory_of

    return unrecorded(config, partial(gpu_memory_of, config, record))


def _standing_of(config: pytest.Config, item: pytest.Item) -> Standing | None:
    if config.stash[SETTINGS].unchanged != "skip":
        return None
    from pytest_mlregress.session.unchanged import standing_of

    return standing_of(config, config.stash[SETTINGS], item)
