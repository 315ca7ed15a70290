"""The settings of the run, read when they are first needed.

A run that says nothing of this plugin's and has no regression test needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from pytest_mlregress.options import is_any_given

if TYPE_CHECKING:
    from pytest_mlregress.settings import Settings

COMPANION: Final = "mlregress_companion"
"""The key of ``workerinput``, see `revisions/companion_session.py`."""

DEFAULT_HEADER: Final = (
    "mlregress: check, alpha 0.05, stop early, threads 1, guards warn, baselines __baselines__"
)
"""The header of `Settings()`, which takes longer to load than to print."""

_SETTINGS: Final = pytest.StashKey["Settings"]()
_BY_DEFAULT: Final = pytest.StashKey[bool]()


def are_by_default(config: pytest.Config) -> bool:
    """Whether neither the command line nor the ini file says anything of this plugin's.

    Args:
        config: pytest's, configured.

    Returns:
        True where every setting of the run is that by default.
    """
    if _BY_DEFAULT not in config.stash:
        by_default = not hasattr(config, "workerinput") and not is_any_given(config)
        config.stash[_BY_DEFAULT] = by_default
    return config.stash[_BY_DEFAULT]


def settings_of(config: pytest.Config) -> Settings:
    """The settings of the run.

    Args:
        config: pytest's, configured.

    Returns:
        The settings.

    Raises:
        pytest.UsageError: what was given cannot be used.
    """
    if _SETTINGS not in config.stash:
        config.stash[_SETTINGS] = _resolved(config)
    return config.stash[_SETTINGS]


def _resolved(config: pytest.Config) -> Settings:
    from pytest_mlregress.options.resolution import resolve
    from pytest_mlregress.settings import SettingError

    try:
        settings = resolve(config)
    except SettingError as error:
        raise pytest.UsageError(str(error)) from None
    return settings.of_companion if COMPANION in getattr(config, "workerinput", {}) else settings


def header(config: pytest.Config) -> str:
    """The line of pytest's header that says what would change a verdict.

    Args:
        config: pytest's, configured.

    Returns:
        The line.
    """
    return DEFAULT_HEADER if are_by_default(config) else settings_of(config).header
