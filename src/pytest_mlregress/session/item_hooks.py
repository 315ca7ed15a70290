"""What the hooks of `plugin` do in a run that has regression tests, or may have some.

Loaded once there is one, or once an option says that there may be: the functions have the names of
the hooks, in the order in which pytest calls them.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.running import (
    declared_needs,
    machine_share,
    node_id_selection,
    progress_channel,
    seed_items,
    splitting,
)
from pytest_mlregress.running.seed_keys import EXECUTION, SEED_ITEM
from pytest_mlregress.session.configuring import PAIRED, runs_seeds
from pytest_mlregress.session.masked_reports import mask_report
from pytest_mlregress.session.mlregress_warning import warn_of_overridden_seed
from pytest_mlregress.session.settings_of_run import settings_of
from pytest_mlregress.session.unused_tier import warn_of_unused_tier
from pytest_mlregress.settings import EVERY_TIER

if TYPE_CHECKING:
    from pytest_mlregress.running.execution import Execution
    from pytest_mlregress.running.standing import Standing

_TRAINS: Final = pytest.StashKey[bool]()
"""Whether this session has any seed to run."""

note_deselected = splitting.note_deselected


def collection(config: pytest.Config) -> None:
    """Before the collection.

    Args:
        config: pytest's, whose arguments are changed.
    """
    node_id_selection.widen_arguments(config)
    settings = settings_of(config)
    pairs = config.pluginmanager.getplugin(PAIRED)
    if (
        settings.keeps_seeds
        and not settings.plan
        and runs_seeds(config)
        and not (pairs is not None and pairs.side.other_environment)
    ):
        from pytest_mlregress.session.reuse_hooks import ReuseHooks

        # Last, so that its wrapper sees what all others have put on a report.
        config.pluginmanager.register(ReuseHooks(config, settings, pairs), "mlregress-reuse")


def generate_tests(metafunc: pytest.Metafunc, plugin: str, hunting: Collection[str]) -> None:
    """Give a regression test its seeds.

    Args:
        metafunc: pytest's, of the test.
        plugin: the module that defines the plugin's fixtures.
        hunting: the names of the fixtures that hunt for bugs.
    """
    settings = settings_of(metafunc.config)
    declaration = seed_items.declare_seeds(metafunc, settings)
    if seed_items.hunts_once(metafunc, hunting):
        return
    seed_items.note_overridden_seed(metafunc, plugin)
    if settings.tier == EVERY_TIER and declaration.tiers:
        seed_items.parametrize_tiers(metafunc, declaration.tiers)
    seed_items.parametrize_seeds(metafunc, declaration.seeds)


def itemcollected(item: pytest.Item) -> None:
    """Attach to an item that is a seed what it is to know.

    Args:
        item: any item.
    """
    seed_items.adopt(item, settings_of(item.config))
    declared_needs.skip_if_too_small(item)


def before_modification(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Before any plugin changes the list of items.

    Args:
        session: pytest's.
        config: pytest's.
        items: what was collected, changed in place.
    """
    warn_of_unused_tier(session, items)
    splitting.note_collected(config, items)
    if splitting.is_split(config):  # of what the user selected, not of the rest
        _compat.deselect_as_asked(config, items)


def collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the seeds, and leave out those that were not asked for.

    Args:
        config: pytest's.
        items: changed in place.
    """
    node_id_selection.deselect_unnamed(config, items)
    if not any(SEED_ITEM in item.stash for item in items):
        return
    settings = settings_of(config)
    if settings.update_new_only:
        from pytest_mlregress.session.at_collection import deselect_recorded

        deselect_recorded(config, settings, items)
    if _is_seed_major(config) and not splitting.is_split(config):
        items[:] = seed_items.in_seed_major_order(items)
        if hasattr(config, "workerinput"):
            from pytest_mlregress.session.seed_order import reorder_for_xdist

            reorder_for_xdist(config, settings, items)


def after_modification(config: pytest.Config, items: list[pytest.Item]) -> None:
    """After every plugin has changed the list of items.

    Args:
        config: pytest's.
        items: changed in place.
    """
    if splitting.is_split(config):
        splitting.reunite_seeds(config, items, seed_major=_is_seed_major(config))
    settings = settings_of(config)
    if settings.shard is not None:
        from pytest_mlregress.session.shard_items import keep_own_seeds

        keep_own_seeds(config, settings, settings.shard, items)


def _is_seed_major(config: pytest.Config) -> bool:
    return not config.getoption("stepwise", False)


def collection_finish(session: pytest.Session) -> None:
    """Note what is left to run.

    Args:
        session: pytest's.
    """
    config, items = session.config, session.items
    machine_share.give_devices(config, items)
    if settings_of(config).shard is not None and _has_shard(config):
        config.stash[_TRAINS] = any(SEED_ITEM in item.stash for item in items)
        _join_seeds(session)
        return
    removals = splitting.removals_of(config)
    config.stash[_TRAINS] = seed_items.note_selected_seeds(
        items, removals.by_others(items), tests=len(removals.collected)
    )
    if not settings_of(config).companion:
        progress_channel.tell_collected(config, items)
    _join_seeds(session)


def _join_seeds(session: pytest.Session) -> None:
    """One item for the seeds of a vectorized test, where they are to run and not to be listed."""
    vectorized = any(
        record.declaration.settings.vectorized
        for item in session.items
        if (record := item.stash.get(SEED_ITEM, None)) is not None
    )
    if vectorized and not (
        session.config.option.collectonly or settings_of(session.config).preflight
    ):
        from pytest_mlregress.running.vectorized_items import join_seeds

        join_seeds(session.items)


def _has_shard(config: pytest.Config) -> bool:
    """Whether the seeds of other jobs were left out; a worker tells the controller of them."""
    from pytest_mlregress.session.shard_items import is_sharded, send_collected

    send_collected(config)
    return is_sharded(config)


def trains(config: pytest.Config) -> bool:
    """Whether this session has any seed to run.

    Args:
        config: pytest's.

    Returns:
        Whether it has, once the collection is complete.
    """
    return config.stash.get(_TRAINS, False)


def runtest_setup(item: pytest.Item) -> None:
    """Set a seed up, or skip it if no verdict needs it any more.

    Args:
        item: of a seed.
    """
    execution(item.config).setup(item)
    warn_of_overridden_seed(item, item.stash[SEED_ITEM].overridden)


def runtest_makereport(item: pytest.Item, report: pytest.TestReport) -> None:
    """Put on a report what the seed has to say, and mask the secrets in it.

    Args:
        item: of a seed.
        report: of one of its phases, changed in place.
    """
    execution(item.config).report(item, report)
    mask_report(report)


def execution(config: pytest.Config) -> Execution:
    """What runs the seeds of this session.

    Args:
        config: pytest's.

    Returns:
        The one of the session, made when it is first asked for.
    """
    known = config.stash.get(EXECUTION, None)
    return known if known is not None else _new_execution(config)


def _new_execution(config: pytest.Config) -> Execution:
    from pytest_mlregress.running.execution import Execution, execution_of
    from pytest_mlregress.session.recorded_baselines import curves_of

    settings = settings_of(config)
    standing_of = partial(_standing_of, config)
    kind: type[Execution] = Execution
    if settings.preflight:
        from pytest_mlregress.running.preflight import PreflightExecution

        kind = PreflightExecution
    return execution_of(config, settings, partial(curves_of, config), standing_of, kind)


def _standing_of(config: pytest.Config, item: pytest.Item) -> Standing | None:
    if settings_of(config).unchanged != "skip":
        return None
    from pytest_mlregress.session.unchanged import standing_of

    return standing_of(config, settings_of(config), item)
