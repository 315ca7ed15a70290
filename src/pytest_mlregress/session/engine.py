"""``--mlregress-engine``: the hooks of the process whose seeds run elsewhere."""

from __future__ import annotations

from typing import Final

import pytest

from pytest_mlregress.settings import Settings

PLUGIN: Final = "mlregress-engine"


def hooks_of(config: pytest.Config, settings: Settings) -> object:
    """The plugin of the engine that the settings name, which is not the local one.

    Args:
        config: pytest's.
        settings: the settings of the run.

    Raises:
        pytest.UsageError: it cannot be used here, or xdist is to start workers, too.
    """
    if config.getoption("dist", "no") != "no":
        raise pytest.UsageError(
            f"--mlregress-engine={settings.engine} and -n both start workers: leave out -n; "
            "--mlregress-workers=N is the most workers of the engine"
        )
    if settings.engine == "ray":
        from pytest_mlregress.session.ray_engine import RayEngine

        return RayEngine(config, settings)
    from pytest_mlregress.session.slurm_engine import SlurmEngine

    return SlurmEngine(config, settings)


def has_items_to_run(session: pytest.Session) -> bool:
    """Whether a run loop has something to do; errors of the collection are left to pytest's.

    Args:
        session: the session, with everything collected.
    """
    goes_on = session.config.option.continue_on_collection_errors
    return bool(session.items) and (goes_on or not session.testsfailed)
