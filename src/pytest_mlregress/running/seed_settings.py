"""The settings of a run that a training can depend on, as one hash.

Not those that only judge it: a margin, a level or the number of seeds changes no value.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.running.markers import Declaration
from pytest_mlregress.running.start_of_run import first_options, first_variables
from pytest_mlregress.settings import Threads

_MACHINES: Final = pytest.StashKey[dict[Threads, str]]()
_DIGITS: Final = 16
_OF_PYTEST: Final = frozenset(
    {
        *("addopts", "markers", "minversion", "norecursedirs", "required_plugins", "testpaths"),
        "pythonpath",
    }
)
"""Keys of the ini file that say what is run, and not how: the files of a seed show the path."""

_OF_XDIST: Final = frozenset({"loadgroup"})
"""Options that exist in its workers alone."""


def machine_of(config: pytest.Config, declared: Declaration) -> str:
    """The hash of the machine, the interpreter and the variables that this process began with.

    Args:
        config: pytest's.
        declared: what the test declares.

    Returns:
        Hexadecimal digits.
    """
    from pytest_mlregress.baselines.machine import machine_digest  # not at every start of pytest

    known = config.stash.setdefault(_MACHINES, {})
    threads = declared.settings.threads
    if threads not in known:
        known[threads] = machine_digest(threads, first_variables(config))
    return known[threads]


def settings_digest(config: pytest.Config, declared: Declaration) -> str:
    """A hash of what a training can depend on besides its code.

    The options that the project's own ``conftest.py`` files declare, the pytest section of the
    configuration file, the parameters of the tier, and what the guards and curves may end.

    Args:
        config: pytest's.
        declared: what the test declares.

    Returns:
        Hexadecimal digits.
    """
    known = first_options(config)
    own = {
        name: value
        for name, value in vars(config.option).items()
        if name not in known and name not in _OF_XDIST
    }
    section = {
        name: _ini_value(config, name)
        for name in _compat.ini_keys(config)
        if name not in _OF_PYTEST and not name.startswith("mlregress_")
    }
    facts: dict[str, object] = {
        "options": own if known else {},
        "section": section,
        "override": [
            entry
            for entry in config.getoption("override_ini", None) or ()
            if not entry.startswith(("mlregress_", "pythonpath="))
        ],
        "tier": declared.tier,
        "params": declared.params,
        "guards": declared.settings.guards,
        "curves": declared.settings.curves,
        "deterministic": declared.settings.deterministic,
    }
    if declared.settings.data_fraction != 1.0:
        facts["data_fraction"] = declared.settings.data_fraction
    text = json.dumps(facts, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]


def _ini_value(config: pytest.Config, name: str) -> object:
    try:
        return config.getini(name)
    except (KeyError, ValueError):  # of a plugin that is not there
        return None
