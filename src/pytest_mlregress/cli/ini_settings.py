"""What the configuration file of pytest sets, for a command that starts no run."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.cli.common import CannotRunError
from pytest_mlregress.settings import SettingError, Settings

__all__ = ["baseline_source", "refuse_unusable_ini", "settings_in_ini"]

_FLAG: Final = "--mlregress-baseline"


def baseline_source(given: str | None, rootdir: Path) -> str | None:
    """Where a run of pytest reads baselines, unless a command is told another place.

    Args:
        given: the other place; None for that of pytest: of PYTEST_ADDOPTS, of ``addopts`` or of the
            ini key ``mlregress_baseline``, the first of them that says one.
        rootdir: pytest's rootdir.

    Returns:
        A source as `open_store` takes it; None for the folders beside the tests.

    Raises:
        click.ClickException: the ini file's value cannot be used.
    """
    if given is not None:
        from pytest_mlregress.options.values import baseline

        try:
            return baseline("--baseline", given)
        except SettingError as error:
            raise CannotRunError(str(error)) from None
    from pytest_mlregress.doctor.configuration import find_configuration

    configuration = find_configuration(rootdir, rootdir)
    for text in (os.environ.get("PYTEST_ADDOPTS", ""), configuration.values.get("addopts", "")):
        found = _value_of_flag(_words(text))
        if found:
            return found
    return settings_in_ini(rootdir, "baseline").baseline


def _words(text: str) -> list[str]:
    """The words of a command line; none where pytest would refuse it."""
    try:
        return shlex.split(text)
    except ValueError:
        return []


def _value_of_flag(words: Iterable[str]) -> str | None:
    """What the last `--mlregress-baseline` among some arguments says; None without one."""
    found, before = None, ""
    for word in words:
        flag, equals, value = word.partition("=")
        if flag == _FLAG and equals:
            found = value
        elif before == _FLAG:
            found = word
        before = word
    return found


def refuse_unusable_ini(rootdir: Path) -> None:
    """Refuse what pytest refuses of its configuration file: keys of ours misspelt, and values.

    Args:
        rootdir: pytest's rootdir.

    Raises:
        click.ClickException: with pytest's words.
    """
    from pytest_mlregress.doctor.configuration import find_configuration
    from pytest_mlregress.options.resolution import ini_error

    for key, text in find_configuration(rootdir, rootdir).values.items():
        if error := ini_error(key, text):
            raise CannotRunError(error)


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
    from pytest_mlregress.options import OPTIONS
    from pytest_mlregress.options.resolution import setting_in_ini

    stored = find_configuration(rootdir, rootdir).values
    values: dict[str, Any] = {}
    try:
        for option in OPTIONS:
            if option.field in fields and (text := stored.get(option.ini, "").strip()):
                values |= setting_in_ini(option, text)
    except SettingError as error:
        raise CannotRunError(str(error)) from None
    return Settings(**values)
