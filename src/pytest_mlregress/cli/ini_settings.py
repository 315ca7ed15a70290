"""What the configuration file of pytest sets, for a command that plans a run and starts none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pytest_mlregress.cli.common import CannotRunError
from pytest_mlregress.settings import SettingError, Settings

__all__ = ["settings_in_ini"]


def settings_in_ini(rootdir: Path, *fields: str) -> Settings:
    """Some settings as the configuration file gives them, the others at their defaults.

    Args:
        rootdir: pytest's rootdir.
        *fields: which settings.

    Returns:
        The settings.

    Raises:
        click.ClickException: a value cannot be used.
    """
    from pytest_mlregress.doctor.configuration import find_configuration
    from pytest_mlregress.options import OPTIONS, setting_in_ini

    stored = find_configuration(rootdir, rootdir).values
    values: dict[str, Any] = {}
    try:
        for option in OPTIONS:
            if option.field in fields and (text := stored.get(option.ini, "").strip()):
                values |= setting_in_ini(option, text)
    except SettingError as error:
        raise CannotRunError(str(error)) from None
    return Settings(**values)
