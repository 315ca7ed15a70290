"""What is asked of the options before they are read, at every start of pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_mlregress.options.declaration import DATA_FRACTION, OPTIONS
from pytest_mlregress.options.option import INI_PREFIX

if TYPE_CHECKING:
    from pytest_mlregress.settings import Threads


def is_any_given(config: pytest.Config) -> bool:
    """Whether the command line or the ini file says anything of this plugin's.

    Args:
        config: pytest's, configured.

    Returns:
        Whether any setting may be another than by default, or any key is misspelt.
    """
    options = vars(config.option)
    if any(options.get(option.dest) is not None for option in (*OPTIONS, DATA_FRACTION)):
        return True
    from pytest_mlregress._compat.collection import ini_keys

    return any(key.startswith(INI_PREFIX) for key in ini_keys(config))


def may_record_reads(config: pytest.Config) -> bool:
    """Whether a run may need what its seeds read, before its settings are resolved.

    Args:
        config: pytest's, with the options that it knows so far.

    Returns:
        True where an option is given that needs it; another one may yet speak against it.
    """
    given = (_early(config, field) for field in ("unchanged", "cache", "against"))
    return any(value and value != "run" for value in given)


def threads_of_forked(config: pytest.Config) -> Threads | None:
    """The threads that libraries are loaded with for workers that are forked afterwards.

    Args:
        config: pytest's, with the options that it knows so far.

    Returns:
        The threads of a seed; None where no worker is forked, or they are left alone.
    """
    if not _early(config, "workers") or hasattr(config, "workerinput"):
        return None
    from pytest_mlregress.options.values import threads as read_threads
    from pytest_mlregress.settings import SettingError, Settings

    given = _early(config, "threads")
    try:
        chosen = read_threads("", str(given)) if given else Settings().threads
    except SettingError:  # told once the settings are resolved
        return None
    return None if chosen == "keep" else chosen


def _early(config: pytest.Config, field: str) -> Any:
    """What the command line or the ini file gives for a field, before it is read."""
    given = getattr(config.known_args_namespace, f"mlregress_{field}", None)
    try:
        return given if given is not None else config.getini(INI_PREFIX + field)
    except (ValueError, KeyError, pytest.UsageError):
        return None
