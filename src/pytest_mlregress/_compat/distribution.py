"""Private parts of pytest-xdist."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest


def count_failure(session: pytest.Session, report: pytest.TestReport) -> None:
    """Let xdist's ``-x`` and ``--maxfail`` see a failed report that no worker sent.

    ``DSession._handlefailures``, xdist 3.6 to 3.8. Without xdist, pytest's own session has
    counted the report already.
    """
    dsession = session.config.pluginmanager.getplugin("dsession")
    if dsession is not None:
        dsession._handlefailures(report)


def reschedule(scheduler: Any, nodeid: str) -> bool:
    """Ask xdist to run a lost item again; False where its scheduler cannot.

    ``Scheduling.mark_test_pending``, xdist 3.6 to 3.8; the loadscope family refuses.
    """
    try:
        scheduler.mark_test_pending(nodeid)
    except (NotImplementedError, AttributeError):
        return False
    return True


def exit_status(node: Any, wait_s: float = 2.0) -> int | None:
    """How the process of a worker of xdist ended, None where that is unknown.

    ``Popen2IOMaster.popen`` behind ``WorkerController.gateway``, execnet 2.0 and 2.1; a worker
    elsewhere has none.
    """
    process = getattr(getattr(getattr(node, "gateway", None), "_io", None), "popen", None)
    with suppress(Exception):  # it may still run
        return None if process is None else int(process.wait(timeout=wait_s))
    return None


def number_of_workers(config: pytest.Config, asked: int | str) -> int:
    """How many workers ``-n`` means: a number, ``auto`` or ``logical``; at least 1.

    ``xdist.plugin`` resolves the words by a hook of its own, xdist 3.6 to 3.8.
    """
    if isinstance(asked, str):
        asked = config.hook.pytest_xdist_auto_num_workers(config=config) or 1
    return max(1, int(asked))


def run_by_xdist(session: pytest.Session, workers: int) -> bool:
    """Run the items of a session that has collected already in workers of xdist.

    ``xdist.dsession.DSession`` as ``xdist.plugin`` registers it, xdist 3.6 to 3.8.
    """
    from xdist.dsession import DSession  # type: ignore[import-untyped]

    config = session.config
    _measure_coverage_in_workers(config)
    config.option.dist = "load"
    config.option.tx = ["popen"] * workers
    config.option.numprocesses = workers
    distributed = DSession(config)
    config.pluginmanager.register(distributed, "dsession")
    distributed.pytest_sessionstart(session)
    try:
        return bool(distributed.pytest_runtestloop())
    finally:
        distributed.pytest_sessionfinish()


def _measure_coverage_in_workers(config: pytest.Config) -> None:
    """Let pytest-cov know of workers that begin after the start of the session.

    ``CovPlugin.start`` and ``engine.DistMaster``, pytest-cov 4 to 7: it chooses at its own start.
    """
    plugin: Any = config.pluginmanager.getplugin("_cov")
    measuring: Any = getattr(plugin, "cov_controller", None)
    if measuring is None or hasattr(measuring, "configure_node"):
        return
    from pytest_cov.engine import DistMaster  # type: ignore[import-not-found]

    measuring.cov.stop()
    plugin.start(DistMaster, config)
