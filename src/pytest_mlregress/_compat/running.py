"""Private parts of pytest that run an item."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr

    from pytest_mlregress.running.result import Xfail


def xfail_in_force(item: pytest.Item) -> Xfail | None:
    """The ``xfail`` that pytest's skipping plugin has found to hold, or None.

    ``_pytest.skipping.xfailed_key``, pytest 8.0 to 9.2.
    """
    from _pytest.skipping import xfailed_key

    found = item.stash.get(xfailed_key, None)
    if found is None or item.config.option.runxfail:
        return None
    from pytest_mlregress.running.result import Xfail

    return Xfail(reason=found.reason, strict=found.strict, raises=found.raises is not None)


def run_unlogged(item: pytest.Item) -> None:
    """Run an item without telling of its reports, so that it can be run once more.

    ``_pytest.runner.runtestprotocol`` with ``log=False``, as pytest-rerunfailures uses it. Seen in
    pytest 8 and 9.
    """
    from _pytest.runner import runtestprotocol

    from pytest_mlregress.running.sibling import Sibling

    runtestprotocol(item, log=False, nextitem=Sibling.of(item))


def reports_of(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """Run an item, and tell of none of its reports yet: see `run_unlogged`."""
    from _pytest.runner import runtestprotocol

    return runtestprotocol(item, log=False, nextitem=nextitem)


@contextmanager
def without_time_limit(item: pytest.Item) -> Iterator[None]:
    """Stop the time limit of an item during the block, and begin it anew afterwards.

    The hooks of pytest-timeout with ``_get_item_settings``, seen in 2.1 to 2.4; its limit of the
    test function alone begins by itself.
    """
    settings_of = getattr(sys.modules.get("pytest_timeout"), "_get_item_settings", None)
    is_used = item.config.pluginmanager.hasplugin("timeout")
    settings = settings_of(item) if is_used and settings_of is not None else None
    is_limited = settings is not None and bool(settings.timeout) and not settings.func_only
    if is_limited:
        item.ihook.pytest_timeout_cancel_timer(item=item)
    yield
    if is_limited:
        item.ihook.pytest_timeout_set_timer(item=item, settings=settings)


def tear_down_to(item: pytest.Item, nextitem: pytest.Item | None) -> str | TerminalRepr | None:
    """Tear down every fixture that ``nextitem`` does not need; what failed, None for nothing.

    ``Session._setupstate.teardown_exact``, which pytest calls in every tear-down; seen in pytest 8
    and 9.
    """
    call = pytest.CallInfo.from_call(
        lambda: item.session._setupstate.teardown_exact(nextitem), when="teardown"
    )
    return None if call.excinfo is None else item.repr_failure(call.excinfo)
