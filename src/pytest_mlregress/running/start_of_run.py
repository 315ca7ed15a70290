"""What is remembered of a run's start: for the timeline, the placement and the hash of a seed."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Final

import pytest

DEVICES: Final = "CUDA_VISIBLE_DEVICES"

_AT: Final = pytest.StashKey[float]()
_VARIABLES: Final = pytest.StashKey[Mapping[str, str]]()
_OPTIONS: Final = pytest.StashKey[frozenset[str]]()
_CALLERS_DEVICES: Final = pytest.StashKey[Mapping[str, str]]()


def note_start(config: pytest.Config) -> None:
    """Remember the time, the environment variables and the options that are known by now.

    As soon as pytest has loaded the plugin, before any ``conftest.py`` adds options of its own.

    Args:
        config: pytest's, with the options that it knows so far.
    """
    config.stash[_AT] = time.perf_counter()
    config.stash[_VARIABLES] = dict(os.environ)
    config.stash[_OPTIONS] = frozenset(vars(config.known_args_namespace))


def started_at(config: pytest.Config) -> float:
    """When the run began, by the clock of `time.perf_counter`; now where that is not known.

    Args:
        config: pytest's.
    """
    return config.stash.get(_AT, time.perf_counter())


def first_variables(config: pytest.Config) -> Mapping[str, str] | None:
    """The environment variables that the run began with; None where that is not known.

    Args:
        config: pytest's.
    """
    return config.stash.get(_VARIABLES, None)


def first_options(config: pytest.Config) -> frozenset[str]:
    """The options of pytest and its plugins; none where that is not known.

    Args:
        config: pytest's.
    """
    return config.stash.get(_OPTIONS, frozenset())


def note_callers_devices(config: pytest.Config) -> None:
    """Remember which GPUs the caller allows, before a worker is given its own.

    Args:
        config: pytest's.
    """
    given = {DEVICES: os.environ[DEVICES]} if DEVICES in os.environ else {}
    config.stash[_CALLERS_DEVICES] = given


def callers_devices(config: pytest.Config) -> Mapping[str, str]:
    """The environment that says which GPUs the caller allows.

    Args:
        config: pytest's.
    """
    return config.stash.get(_CALLERS_DEVICES, os.environ)
