"""How long ago a baseline was, in commits and days: the same words in every report."""

from __future__ import annotations

from datetime import date
from typing import Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.verdicts.since import Since

SHORT: Final = 7
"""Characters of a commit, as git shortens it."""

_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)


def since_text(since: Since) -> str:
    """``since 4041c47 (2 commits, 12 Mar 2026; 2 files uncommitted)``.

    Args:
        since: what git says.

    Returns:
        The text; what git does not know is said to be unknown here.
    """
    return f"since {since.commit[:SHORT]} ({'; '.join(filter(None, _details(since)))})"


def days_text(first: str, last: str) -> str:
    """``1 Mar 2026 to 12 Mar 2026``, or the one day that both are.

    Args:
        first: a date as `day_text` takes it.
        last: another one.

    Returns:
        The text.
    """
    days = dict.fromkeys((day_text(first), day_text(last)))
    return " to ".join(days)


def day_text(day: str) -> str:
    """``12 Mar 2026``, whatever the language of the machine.

    Args:
        day: a date in ISO 8601; a time after it is left out.

    Returns:
        The text; what is no date as it is.
    """
    try:
        parsed = date.fromisoformat(day[:10])
    except ValueError:
        return day
    return f"{parsed.day} {_MONTHS[parsed.month - 1]} {parsed.year}"


def _details(since: Since) -> tuple[str, ...]:
    files = len(since.uncommitted)
    uncommitted = f"{count_of(files, 'file')} uncommitted" if files else ""
    if since.commits is None:
        return ("a commit that is not here", uncommitted)
    between = "no commit of code" if since.commits == 0 else count_of(since.commits, "commit")
    return (", ".join(filter(None, (between, day_text(since.date)))), uncommitted)
