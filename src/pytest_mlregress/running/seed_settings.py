"""The settings of a run that a training can depend on, as one hash.

Not those that only judge it: a margin, a level or the number of seeds changes no value.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

import pytest

from pytest_mlregress.running.markers import Declaration

_KNOWN_OPTIONS: Final = pytest.StashKey[frozenset[str]]()
_DIGITS: Final = 16
_OF_PYTEST: Final = frozenset(
    {
        *("addopts", "markers", "minversion", "norecursedirs", "required_plugins", "testpaths"),
        "pythonpath",
    }
)
"""Keys of the ini file that say what is run, and not how: the files of a seed show the path."""


def note_known_options(config: pytest.Config) -> None:
    """Remember the options of pytest and of installed plugins, before any ``conftest.py`` adds its.

    Args:
        config: pytest's, with the options that it knows so far.
    """
    config.stash[_KNOWN_OPTIONS] = frozenset(vars(config.known_args_namespace))


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
    known = config.stash.get(_KNOWN_OPTIONS, frozenset())
    own = {name: value for name, value in vars(config.option).items() if name not in known}
    section = {
        name: value
        for name, value in getattr(config, "inicfg", {}).items()
        if name not in _OF_PYTEST and not name.startswith("mlregress_")
    }
    facts = {
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
    text = json.dumps(facts, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]
