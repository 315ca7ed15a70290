"""What pytest-xdist tells a worker, for a worker that something else starts."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest


def worker_input(
    config: pytest.Config, *, worker: str, count: int, run: str, argv: list[str]
) -> dict[str, Any]:
    """What plugins expect as ``config.workerinput``, by the hook in which they add to it.

    ``WorkerController`` of ``xdist.workermanage``, xdist 3.6 to 3.8.

    Args:
        config: pytest's, of the process that hands out the items.
        worker: the id of the worker.
        count: how many workers there are.
        run: identifies the run, ``testrun_uid``.
        argv: the command line of the run.

    Returns:
        Those entries that can be sent to another process.
    """
    given: dict[str, Any] = {
        "workerid": worker,
        "workercount": count,
        "testrunuid": run,
        "mainargv": argv,
    }
    node = SimpleNamespace(
        workerinput=given, config=config, gateway=SimpleNamespace(id=worker, spec=None)
    )
    hook = getattr(config.hook, "pytest_configure_node", None)
    if hook is not None:
        with suppress(Exception):  # a plugin that cannot cope does without
            hook(node=node)
    return {name: value for name, value in given.items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    """Whether execnet can send it."""
    import execnet

    try:
        execnet.dumps(value)
    except execnet.DumpError:
        return False
    return True
