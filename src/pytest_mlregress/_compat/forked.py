"""Private parts of pytest, pluggy and pytest-xdist in a process that was forked from a session."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

_REPORTING: Final = (
    "pytest_runtest_logstart",
    "pytest_runtest_logreport",
    "pytest_runtest_logfinish",
    "pytest_warning_recorded",
)
_KEPT: Final = ("logging-plugin",)
"""It prints live logs, and knows by these hooks of which test."""


def capture_anew(config: pytest.Config) -> None:
    """Capture output into files of this process; those that are open belong to another one, too.

    ``CaptureManager._global_capturing``, pytest 8.0 to 9.2. Nothing is read from the old ones.
    """
    manager: Any = config.pluginmanager.getplugin("capturemanager")
    if manager is None or manager._global_capturing is None:
        return
    manager._global_capturing.stop_capturing()
    manager._global_capturing = None
    manager.start_global_capturing()


def report_only_to(config: pytest.Config, plugin: object) -> None:
    """Let no other plugin hear of reports: what they print and write is for one process.

    ``pluggy.HookCaller._remove_plugin``, pluggy 1.5 and 1.6.
    """
    plugins = config.pluginmanager
    kept = [plugins.getplugin(name) for name in _KEPT]
    for name in _REPORTING:
        hook: Any = getattr(config.hook, name)
        for implementation in hook.get_hookimpls():
            if implementation.plugin not in kept:
                hook._remove_plugin(implementation.plugin)
    plugins.register(plugin, "mlregress-forked-reports")


def make_temporary_folder(config: pytest.Config) -> Path | None:
    """Make the folder that those of workers are in, once for all of them.

    ``Config._tmp_path_factory``, pytest 8.0 to 9.2.

    Returns:
        The folder; None without pytest's plugin for temporary files.
    """
    factory: Any = getattr(config, "_tmp_path_factory", None)
    if factory is None:
        return None
    folder: Path = factory.getbasetemp()
    return folder


def keep_temporary_files_apart(config: pytest.Config, worker: str) -> None:
    """Give a worker a folder of its own for ``tmp_path``, where xdist would give it one.

    ``Config._tmp_path_factory``, pytest 8.0 to 9.2.
    """
    factory: Any = getattr(config, "_tmp_path_factory", None)
    if factory is None:
        return
    folder = factory.getbasetemp() / f"popen-{worker}"
    folder.mkdir(exist_ok=True)
    factory._basetemp = folder


def tear_down_after(last: pytest.Item, item: pytest.Item | None) -> pytest.TestReport | None:
    """Tear down what ``item`` does not need, ``last`` having run before it; None for everything.

    Answers the report of what failed, with the output, None for nothing. Parts of it are
    ``Session._setupstate.teardown_exact`` and ``CaptureManager``'s global capture, pytest 8 and 9.
    """
    manager: Any = last.config.pluginmanager.getplugin("capturemanager")
    if manager is not None:
        manager.resume_global_capture()
    try:
        call = pytest.CallInfo.from_call(
            lambda: last.session._setupstate.teardown_exact(item), when="teardown"
        )
    finally:
        if manager is not None:
            manager.suspend_global_capture(in_=False)
            printed = zip(("stdout", "stderr"), manager.read_global_capture(), strict=True)
    if call.excinfo is None:
        return None
    report = pytest.TestReport.from_item_and_call(last, call)
    if manager is not None:
        report.sections += [(f"Captured {name} teardown", text) for name, text in printed if text]
    return report


def plain_warning(warning: Any) -> dict[str, Any]:
    """A recorded warning as plain builtins: ``xdist.remote``, xdist 3.6 to 3.8."""
    from xdist.remote import serialize_warning_message  # type: ignore[import-untyped]

    data: dict[str, Any] = serialize_warning_message(warning)
    return data


def warning_of(data: dict[str, Any]) -> Any:
    """The warning that `plain_warning` gave: ``xdist.workermanage``, xdist 3.6 to 3.8."""
    from xdist.workermanage import (  # type: ignore[import-untyped]
        unserialize_warning_message,
    )

    return unserialize_warning_message(data)


class Gateway(NamedTuple):
    """The part of a gateway of execnet that is asked for.

    Attributes:
        id: that of the worker.
    """

    id: str


class WorkerNode:
    """What xdist puts on a report as ``node``: pytest's terminal and JUnit XML ask for its id.

    Args:
        worker: the id of the worker.

    Attributes:
        end: how it ended, in words; None while it has not, empty where that is unknown.
        host: its machine, where that is another one; None where it is this one.
    """

    def __init__(self, worker: str) -> None:
        self.gateway = Gateway(worker)
        self.end: str | None = None
        self.host: str | None = None
        self.workerinput = {"workerid": worker}
        self.workerinfo = {
            "id": worker,
            "sysplatform": sys.platform,
            "version_info": tuple(sys.version_info),
            "executable": sys.executable,
        }
