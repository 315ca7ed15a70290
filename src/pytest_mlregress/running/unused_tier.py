"""A tier on the command line that no test of the run has."""

from __future__ import annotations

import pytest

from pytest_mlregress.running.seed_items import SEED_ITEM
from pytest_mlregress.settings import EVERY_TIER


def refuse_unused_tier(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Refuse `--mlregress-tier` where no test has tiers.

    A test that has tiers and not this one is an error of its own, when it is collected.

    Args:
        session: the session.
        items: what it has collected, before any is deselected; a worker then runs none.

    Raises:
        pytest.UsageError: there are regression tests, and none has tiers; in a worker of
            pytest-xdist it is an error of the collection, as of a marker that cannot be used.
    """
    tier = session.config.getoption("mlregress_tier")
    if tier in (None, EVERY_TIER) or session.testsfailed:
        return
    declared = [item.stash[SEED_ITEM].declaration for item in items if SEED_ITEM in item.stash]
    if not declared or any(one.tiers for one in declared):
        return
    problem = (
        f"--mlregress-tier={tier}: no regression test here has tiers; leave the option out, or "
        f"give a test the marker tiers({tier}={{...}})"
    )
    if not hasattr(session.config, "workerinput"):
        raise pytest.UsageError(problem)
    # A usage error would end a worker of xdist as if it had crashed.
    report = pytest.CollectReport("", "failed", longrepr=problem, result=[])
    session.config.hook.pytest_collectreport(report=report)
    items.clear()
