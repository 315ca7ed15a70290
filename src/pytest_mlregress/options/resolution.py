"""The settings of a run, from what was given: command line > ini > default."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.options.declaration import DATA_FRACTION, OPTIONS, misspelt_key
from pytest_mlregress.options.option import Option
from pytest_mlregress.settings import (
    SettingError,
    Settings,
    Shard,
    refuse_contradictions,
)

_DEFAULT_FIELD: Final = {"seeds": "default_seeds"}
"""The ini value of a setting that outranks the marker on the command line only."""


def resolve(config: pytest.Config) -> Settings:
    """The settings of this run.

    Raises:
        SettingError: a value on the command line or in the ini file cannot be used, a key of the
            ini file is none of ours, or two options exclude each other.
    """
    if (problem := misspelt_key(_compat.ini_keys(config))) is not None:
        raise SettingError(problem)
    values: dict[str, Any] = {}
    for option in OPTIONS:
        given = config.getoption(option.dest)
        stored = _stored(config, option)
        if given is not None:
            values[option.field] = _read(option, option.flag, given)
        elif stored is not None and stored != "" and stored != []:
            values |= setting_in_ini(option, stored)
    values["data_fraction"] = _data_fraction(config)
    values["threads_chosen"] = config.getoption("mlregress_threads") is not None
    settings = Settings(**values)
    refuse_contradictions(settings)
    if config.getoption("mlregress_ray_address") is not None and settings.engine != "ray":
        raise SettingError(
            f"--mlregress-ray-address={settings.ray_address} is for the Ray engine, and the seeds "
            f"run on the {settings.engine} one; add --mlregress-engine=ray"
        )
    _refuse_options_of_slurm(config, settings)
    if settings.shard is not None and not config.option.collectonly:
        _refuse_shard_without_report(settings, settings.shard)
    if settings.preflight and config.getoption("mlregress_report"):
        raise SettingError(
            "--mlregress-report: a preflight reaches no verdict to report; what it found is in "
            "pytest's own reports, such as --junitxml"
        )
    return settings.of_preflight if settings.preflight else settings


def _refuse_options_of_slurm(config: pytest.Config, settings: Settings) -> None:
    """On the command line of another engine; an ini file may hold them for runs to come."""
    for option in OPTIONS:
        is_given = option.field.startswith("slurm_") and config.getoption(option.dest) is not None
        if is_given and settings.engine != "slurm":
            raise SettingError(
                f"{option.flag} is for the Slurm engine, and the seeds run on the "
                f"{settings.engine} one; add --mlregress-engine=slurm"
            )


def setting_in_ini(option: Option, stored: Any) -> dict[str, Any]:
    """A setting as the ini file gives it, by the name of its field.

    Args:
        option: the option.
        stored: its value in the ini file, not empty.

    Raises:
        SettingError: the value cannot be used.
    """
    return {
        _DEFAULT_FIELD.get(option.field, option.field): _read(option, f"ini {option.ini}", stored)
    }


def _refuse_shard_without_report(settings: Settings, shard: Shard) -> None:
    """What `mlregress merge` reads is all that is left of a shard."""
    others = [path for path in settings.report if PurePath(path).suffixes[-1:] != [".json"]]
    others += [path for path in settings.report if path.endswith(".codequality.json")]
    if others:
        raise SettingError(
            f"--mlregress-report={others[0]}: a shard reaches no verdict to show; write "
            f"--mlregress-report=shard-{shard.number}.json, and of all of them: "
            f"mlregress merge shard-*.json --report {others[0]}"
        )
    if not settings.report:
        raise SettingError(
            f"--mlregress-shard={shard.text} needs --mlregress-report=shard-{shard.number}.json, "
            "which mlregress merge reads: without it the seeds would be trained for nothing"
        )


def _data_fraction(config: pytest.Config) -> float:
    """The share of the data to train with, which only a process that judges nothing takes."""
    given = config.getoption(DATA_FRACTION.dest)
    if given is None:
        return 1.0
    share: float = _read(DATA_FRACTION, DATA_FRACTION.flag, given)
    option = config.option
    if share < 1.0 and not (
        hasattr(config, "workerinput") or option.collectonly or option.mlregress_preflight
    ):
        raise SettingError(
            f"{DATA_FRACTION.flag}={given}: a check compares trainings on all of the data; "
            "for shares of them run: mlregress curve TEST --over data"
        )
    return share


_BOOLS: Final = frozenset(["y", "yes", "t", "true", "on", "1", "n", "no", "f", "false", "off", "0"])
"""What pytest reads as a truth value."""


def ini_error(key: str, text: str) -> str:
    """Why a run would refuse a key of the ini file, without a run.

    Args:
        key: a key of a configuration file of pytest.
        text: its value; a list has one entry a line.

    Returns:
        The text of the error; empty for a key of another plugin, and for a value that is read.
    """
    if (problem := misspelt_key([key])) is not None:
        return problem
    try:
        for option in OPTIONS:
            if option.ini != key or not text.strip():
                continue
            entries = text.split("\n") if option.repeat else [text.strip()]
            for entry in filter(None, map(str.strip, entries)):
                if option.parse is not None:
                    option.parse(f"ini {key}", entry)
                elif entry.lower() not in _BOOLS:
                    return f"ini {key}: {entry!r} is neither true nor false"
    except SettingError as error:
        return str(error)
    return ""


def _stored(config: pytest.Config, option: Option) -> Any:
    try:
        return config.getini(option.ini)
    except (ValueError, pytest.UsageError) as error:  # which does not say which flag it cannot read
        raise SettingError(f"ini {option.ini}: {error}; write true or false") from None


def _read(option: Option, source: str, value: Any) -> Any:
    if option.parse is None:
        return bool(value)
    if option.repeat:
        return tuple(option.parse(source, str(entry)) for entry in value)
    return option.parse(source, str(value))
