"""A tier on the command line that no test of the run has."""

from __future__ import annotations

import pytest

from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.session.mlregress_warning import warn_of_run
from pytest_mlregress.settings import EVERY_TIER


def warn_of_unused_tier(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Warn of `--mlregress-tier` where no test has tiers, so that a misspelt one is seen.

    It is no error: the option may stand in an ini file, and the run may be one file of the suite. A
    test that has tiers and not this one is an error of its own, when it is collected.

    Args:
        session: the session; of the workers of pytest-xdist, which all collect the same, one warns.
        items: what it has collected, before any is deselected.
    """
    config = session.config
    tier = config.getoption("mlregress_tier")
    if tier in (None, EVERY_TIER) or getattr(config, "workerinput", {}).get("workerid") not in (
        None,
        "gw0",
    ):
        return
    declared = [item.stash[SEED_ITEM].declaration for item in items if SEED_ITEM in item.stash]
    if declared and not any(one.tiers for one in declared):
        warn_of_run(
            config,
            f"--mlregress-tier={tier} chooses nothing: no regression test of this run has the "
            "marker tiers(...)",
        )
