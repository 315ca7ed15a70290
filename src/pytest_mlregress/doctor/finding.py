"""What a check found: one line of the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Level: TypeAlias = Literal["problem", "warning", "skipped", "ok"]
"""``problem``: results cannot be reproduced, or a gate is off; ``warning``: they may not be;
``skipped``: the check does not apply, or could not look; ``ok``: it looked and found nothing."""

LEVELS: Final[tuple[Level, ...]] = ("problem", "warning", "skipped", "ok")
"""In the order in which they are printed."""


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One thing that makes the repository reproducible or not.

    Attributes:
        check: the name of the check.
        level: how bad it is.
        evidence: what was found, with its numbers and names.
        remedy: the edit or the command that helps; empty where nothing is to be done.
        location: ``file:line`` or a file, relative to the repository; empty without a place.
    """

    check: str
    level: Level
    evidence: str
    remedy: str = ""
    location: str = ""
