"""Every option of a run: its name on the command line and in the ini file, and what it takes.

One table declares them, so that the command line, the ini file and the error messages cannot
disagree. `resolve` reads what was given: command line > ini > default.
"""

from pytest_mlregress.options.declaration import (
    DATA_FRACTION,
    OPTIONS,
    add_options,
    refuse_misspelt,
)
from pytest_mlregress.options.resolution import (
    ini_error,
    may_record_reads,
    resolve,
    setting_in_ini,
    threads_of_forked,
)

__all__ = [
    "DATA_FRACTION",
    "OPTIONS",
    "add_options",
    "ini_error",
    "may_record_reads",
    "refuse_misspelt",
    "resolve",
    "setting_in_ini",
    "threads_of_forked",
]
