"""The hooks, in the order in which pytest calls them.

This module is imported at every start of pytest: it and what it imports at its top load neither
numpy, scipy, torch nor rich, and little else. What a run with regression tests does in a hook is in
`session/item_hooks.py`, which is loaded once there is one, or once an option says that there may
be; until then the hooks here only look out for it.

They run in every process; the hooks of the one that reaches verdicts, the only process or xdist's
controller, are in `session/controller_hooks.py`.
"""

from __future__ import annotations

from collections.abc import Generator
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mlregress import fixtures, hookspecs, options
from pytest_mlregress.fixtures import (  # noqa: F401 - pytest finds fixtures by name
    bughunt,
    check_logits,
    check_view_permute,
    mlregress,
    overfit_single_batch,
    seed,
)
from pytest_mlregress.running.regression_tests import (
    MARKER_HELP,
    is_regression_test,
    unittest_problem,
)
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.start_of_run import note_callers_devices, note_start
from pytest_mlregress.session.controller_hooks import ControllerHooks
from pytest_mlregress.session.progress.hooks import ProgressHooks
from pytest_mlregress.session.settings_of_run import are_by_default, header, settings_of
from pytest_mlregress.session.timeline_hooks import PLUGIN as TIMELINE
from pytest_mlregress.session.timeline_hooks import TimelineHooks

if TYPE_CHECKING:
    from pytest_mlregress.session.report_status import Status

_IN_USE: Final = pytest.StashKey[ModuleType]()
"""`session/item_hooks.py`, in a run that has regression tests or may have some."""


def _use(config: pytest.Config) -> Any:
    """Begin to be of use in this run, if that has not happened yet."""
    if _IN_USE not in config.stash:
        from pytest_mlregress.session import configuring, item_hooks

        config.stash[_IN_USE] = item_hooks
        configuring.begin(config)
    return config.stash[_IN_USE]


def _in_use(config: pytest.Config) -> Any:
    return config.stash.get(_IN_USE, None)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    options.add_options(parser)


def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    note_start(early_config)
    if (problem := options.misspelt_option(args)) is not None:
        raise pytest.UsageError(problem)
    if (forked := options.threads_of_forked(early_config)) is not None:
        from pytest_mlregress.engines.garbage import collect_rarely
        from pytest_mlregress.running.threads import export_threads_until_the_end

        export_threads_until_the_end(early_config, forked)
        collect_rarely(early_config)
    if options.may_record_reads(early_config):
        from pytest_mlregress.running.seed_reads import start_recorder

        start_recorder(early_config)  # before the first import that may read data


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    if config.getoption("mlregress_plan"):  # planning runs nothing, and so needs no workers
        if (asked := getattr(config.option, "numprocesses", None)) is not None:
            from pytest_mlregress import _compat
            from pytest_mlregress.session.at_collection import PLANNED_WORKERS

            config.stash[PLANNED_WORKERS] = _compat.number_of_workers(config, asked)
        config.option.numprocesses = None
        config.option.dist = "no"
        config.option.tx = []


def pytest_configure(config: pytest.Config) -> None:
    for line in MARKER_HELP:
        config.addinivalue_line("markers", line)
    note_callers_devices(config)
    distributed = config.getoption("dist", "no") != "no"  # xdist will start workers after this hook
    allure = config.getoption("allure_report_dir", None)  # allure-pytest is there, and is to write
    if not are_by_default(config) or distributed or allure:
        _use(config)
    config.pluginmanager.register(CollectionHooks(), "mlregress-collection")
    if _in_use(config):
        from pytest_mlregress.session import configuring

        configuring.configure(config)
    if hasattr(config, "workerinput"):
        return
    config.pluginmanager.register(_controller(config), "mlregress-controller")
    config.pluginmanager.register(ProgressHooks(config), "mlregress-progress")
    config.pluginmanager.register(TimelineHooks(config), TIMELINE)
    if _in_use(config):
        configuring.configure_engine(config)


def _controller(config: pytest.Config) -> object:
    if are_by_default(config) or not settings_of(config).preflight:
        return ControllerHooks(config)
    from pytest_mlregress.session.preflight_hooks import PreflightHooks

    return PreflightHooks(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    from pytest_mlregress.session.configuring import configure_node

    configure_node(node)


def pytest_report_header(config: pytest.Config) -> list[str]:
    if not _in_use(config):
        return [header(config)]
    from pytest_mlregress.session.configuring import sharing_header

    return [header(config), *sharing_header(config)]


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    config = session.config
    if _in_use(config) or any(argument.endswith("]") for argument in config.args):
        _use(config).collection(config)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    problem = unittest_problem(report.result)
    if problem is not None:
        return pytest.CollectReport(collector.nodeid, "failed", longrepr=problem, result=[])
    return report


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if is_regression_test(metafunc, fixtures.__name__):
        _use(metafunc.config).generate_tests(metafunc, fixtures.__name__, fixtures.HUNTING)


def pytest_itemcollected(item: pytest.Item) -> None:
    if used := _in_use(item.config):
        used.itemcollected(item)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if used := _in_use(config):
        used.collection_modifyitems(config, items)


def pytest_deselected(items: list[pytest.Item]) -> None:
    if items and (used := _in_use(items[0].config)):
        used.note_deselected(items[0].config, items)


@pytest.hookimpl(tryfirst=True)  # before xdist tells the controller of it
def pytest_collection_finish(session: pytest.Session) -> None:
    if used := _in_use(session.config):
        used.collection_finish(session)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if SEED_ITEM not in item.stash:
        return (yield)
    with _use(item.config).execution(item.config).protocol(item):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if SEED_ITEM in item.stash:
        _use(item.config).runtest_setup(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    used = _in_use(request.config)
    if used is None or not used.trains(request.config):
        return (yield)
    with used.execution(request.config).fixture(fixturedef, request._pyfuncitem):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    if SEED_ITEM not in pyfuncitem.stash:
        return (yield)
    with _use(pyfuncitem.config).execution(pyfuncitem.config).call(pyfuncitem):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if SEED_ITEM in item.stash:
        _use(item.config).runtest_makereport(item, report)
    return report


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> bool | None:
    """Hook of pytest-timeout, for a limit that ends a whole worker."""
    if SEED_ITEM not in item.stash or not hasattr(item.config, "workerinput"):
        return None
    from pytest_mlregress.running.time_limits import end_after_report

    return end_after_report(item, settings, _use(item.config).execution(item.config)) or None


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable(
    report: pytest.CollectReport | pytest.TestReport,
) -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
    data = yield
    if data is None or not hasattr(report, "mlregress"):
        return data
    from pytest_mlregress.running.serialization import plain

    return plain(data)  # type: ignore[no-any-return]


def pytest_report_teststatus(report: pytest.TestReport) -> Status | None:
    ours = ("mlregress", "mlregress_verdict", "mlregress_lost")
    if not any(hasattr(report, name) for name in ours):
        return None
    from pytest_mlregress.session.report_status import status_of

    return status_of(report)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _in_use(config):
        from pytest_mlregress.session.configuring import unconfigure

        unconfigure(config)


class CollectionHooks:
    """Around every other plugin's view of the items."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        used = _in_use(config)
        if used is None:
            return (yield)
        used.before_modification(session, config, items)
        result = yield
        used.after_modification(config, items)
        return result
