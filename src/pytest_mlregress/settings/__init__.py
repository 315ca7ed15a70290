"""Every setting of a run, and what a test's marker puts in place of it.

The order is marker > command line > ini > default; `options.resolution` reads the last three.

Seeds are the one exception to the order: `--mlregress-seeds` on the command line outranks the
marker, whose number it is there to replace for one run.
"""

from pytest_mlregress.settings.contradictions import refuse_contradictions
from pytest_mlregress.settings.marker_arguments import MARKER_ARGUMENTS, MARKER_CHOICES, override
from pytest_mlregress.settings.run_settings import (
    EVERY_TIER,
    MOST_SEEDS,
    Against,
    SettingError,
    Settings,
    Shard,
    Threads,
    Workers,
)

__all__ = [
    "EVERY_TIER",
    "MARKER_ARGUMENTS",
    "MARKER_CHOICES",
    "MOST_SEEDS",
    "Against",
    "SettingError",
    "Settings",
    "Shard",
    "Threads",
    "Workers",
    "override",
    "refuse_contradictions",
]
