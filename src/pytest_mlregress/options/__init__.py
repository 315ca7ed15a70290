"""Every option of a run: its name on the command line and in the ini file, and what it takes.

One table declares them, so that the command line, the ini file and the error messages cannot
disagree. `resolution.resolve` reads what was given: command line > ini > default. The table and
what is asked before that are loaded at every start of pytest, the rest once a run needs it.
"""

from pytest_mlregress.options.declaration import (
    DATA_FRACTION,
    OPTIONS,
    add_options,
    misspelt_option,
)
from pytest_mlregress.options.early import is_any_given, may_record_reads, threads_of_forked

__all__ = [
    "DATA_FRACTION",
    "OPTIONS",
    "add_options",
    "is_any_given",
    "may_record_reads",
    "misspelt_option",
    "threads_of_forked",
]
