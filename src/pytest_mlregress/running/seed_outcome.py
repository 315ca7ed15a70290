"""How a seed ended: the same words for every engine, in every report.

======================  ===========================================================================
outcome                 when
======================  ===========================================================================
``finished``            it ran to its end
``failed``              it raised: counts at the bad end
``timed out``           its own time limit ended it (pytest-timeout): counts at the bad end
``lost``                its worker, its node or its memory: run again; where that does not help,
                        its test is ``incomplete``
``cancelled``           it was not needed any more, since the verdict was certain
``skipped``             its test skipped it
``xfailed``             it failed as its test expects
``unchanged``           it did not run, since nothing that it reads has changed
======================  ===========================================================================

The first five are what an engine can do to a seed; the last three are what a test says of itself.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

SeedOutcome: TypeAlias = Literal[
    "finished", "failed", "timed out", "lost", "cancelled", "skipped", "xfailed", "unchanged"
]

SEED_OUTCOMES: Final[tuple[SeedOutcome, ...]] = get_args(SeedOutcome)

AT_THE_BAD_END: Final[frozenset[SeedOutcome]] = frozenset({"failed", "timed out"})
"""It ran and gave no value, and is judged as if it had given the worst."""

WITHOUT_SUCCESS: Final[frozenset[SeedOutcome]] = AT_THE_BAD_END | {"lost"}
"""What a test is red for, whatever its other seeds did."""

RAN: Final[frozenset[SeedOutcome]] = WITHOUT_SUCCESS | {"finished", "xfailed"}
"""It was started, and took time."""

NOT_RUN: Final[frozenset[SeedOutcome]] = frozenset({"cancelled", "skipped", "unchanged"})
"""It trained nothing in this run."""

MOST_RETRIES: Final = 2
"""A seed that was lost is run again this often; what loses it each time is its own."""

OUT_OF_MEMORY: Final = "out of memory"
"""In the message of a seed that was lost for lack of memory."""

ONE_BY_ONE: Final = "--dist cannot run a single seed again"
"""In the message of a seed that was lost and that xdist's scheduler cannot run again."""


def timed_out_after(seconds: float) -> str:
    """What is said of a seed that its time limit has ended: ``timed out after 60 s``.

    Args:
        seconds: the limit.

    Returns:
        The beginning of its message.
    """
    return f"timed out after {seconds:g} s"
