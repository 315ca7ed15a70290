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
