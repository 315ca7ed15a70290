"""What a run is configured with that has regression tests, or may have some.

Loaded once there is one, or once an option says that there may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mlregress.options import may_record_reads
from pytest_mlregress.running import (
    declared_needs,
    machine_share,
    progress_channel,
    stop_flags,
    threads,
)
from pytest_mlregress.session.masked_reports import learn_options
from pytest_mlregress.session.settings_of_run import settings_of
from pytest_mlregress.session.worker_count import worker_count
from pytest_mlregress.settings import Settings

if TYPE_CHECKING:
    from pytest_mlregress.running.seed_items import SeedItem

PAIRED: Final = "mlregress_base"
"""The key of ``workerinput``, see `session/pair_hooks.py`."""


def begin(config: pytest.Config) -> None:
    """Begin to be of use, before the first regression test is collected.

    Args:
        config: pytest's.

    Raises:
        pytest.UsageError: what was given on the command line or in the ini file cannot be used.
    """
    learn_options(config)
    settings_of(config)
    recorded: machine_share.RecordedMemory = partial(_recorded_gpu_memory, config)
    config.stash[machine_share.RECORDED_GPU_MEMORY] = recorded


def configure(config: pytest.Config) -> None:
    """What a worker or an option needs, before the hooks of the controller are registered.

    Args:
        config: pytest's.
    """
    settings = settings_of(config)
    worker = getattr(config, "workerinput", {})
    if may_record_reads(config) and not (settings.records_reads and runs_seeds(config)):
        from pytest_mlregress.running.seed_reads import stop_recorder

        stop_recorder(config)
    if config.getoption("allure_report_dir", None):  # allure-pytest is there, and is to write
        from pytest_mlregress.integrations.allure import PLUGIN, AllureVerdicts

        config.pluginmanager.register(AllureVerdicts(config), PLUGIN)
    if not hasattr(config, "workerinput"):
        return
    if not declared_needs.is_placed(config):
        threads.pin_device(worker["workerid"])
    if worker.get(progress_channel.WORKER_INPUT, False) and not settings.companion:
        config.stash[progress_channel.PUBLISH] = progress_channel.publish_to_file(
            config, worker["workerid"]
        )
    if PAIRED in worker and not settings.companion:
        _compare_sides(config, settings, worker[PAIRED])


def configure_engine(config: pytest.Config) -> None:
    """Let the processes that the run asks for run its items.

    Args:
        config: pytest's, of the process that judges, whose other hooks are registered.
    """
    settings = settings_of(config)
    if settings.engine != "local":
        _use_engine(config, settings)
    elif settings.workers is not None:
        _fork_workers(config, settings)
    if config.getoption("dist", "no") != "no":  # xdist will start workers, after this hook
        _refuse_dist_each(config)
        threads.export_threads_until_the_end(config, settings.threads)


def _fork_workers(config: pytest.Config, settings: Settings) -> None:
    from pytest_mlregress.session import warm_workers

    if settings.workers is not None and warm_workers.are_asked_for(config):
        hooks = warm_workers.WarmWorkers(config, settings, settings.workers)
        config.pluginmanager.register(hooks, warm_workers.PLUGIN)


def _use_engine(config: pytest.Config, settings: Settings) -> None:
    from pytest_mlregress.session import engine, warm_workers

    if warm_workers.are_asked_for(config):
        config.pluginmanager.register(engine.hooks_of(config, settings), engine.PLUGIN)


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


def configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the stop flags are.

    Args:
        node: xdist's.
    """
    node.workerinput[stop_flags.WORKER_INPUT] = str(stop_flags.stop_flags(node.config).folder)


def sharing_header(config: pytest.Config) -> list[str]:
    """The lines of pytest's header about what workers share.

    Args:
        config: pytest's.

    Returns:
        The lines; none without workers.
    """
    if not worker_count(config):
        return []
    from pytest_mlregress.session import sharing_header

    return sharing_header.sharing_header(worker_count(config), settings_of(config))


def runs_seeds(config: pytest.Config) -> bool:
    """Whether the seeds of the run may run in this process.

    Args:
        config: pytest's.

    Returns:
        Not in the controller of pytest-xdist.
    """
    return hasattr(config, "workerinput") or config.getoption("dist", "no") == "no"


def unconfigure(config: pytest.Config) -> None:
    """Leave the process as it was.

    Args:
        config: pytest's.
    """
    threads.restore_at_the_end(config)
    machine_share.restore_devices(config)
    stop_flags.remove_stop_flags(config)


def _recorded_gpu_memory(config: pytest.Config, record: SeedItem) -> int | None:
    from pytest_mlregress.running.seed_reads import unrecorded
    from pytest_mlregress.session.recorded_baselines import gpu_memory_of

    return unrecorded(config, partial(gpu_memory_of, config, record))
