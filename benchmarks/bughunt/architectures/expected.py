"""The verdicts on what the hunt says about real architectures."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from pathlib import Path

from pytest_mlregress.bughunt import Finding

PATH = Path(__file__).with_name("expected_findings.txt")
VERDICTS = ("real", "quirk", "false")


@dataclass(frozen=True)
class Expectation:
    """One line of ``expected_findings.txt``.

    Attributes:
        programs, module: patterns of the program's name and of the finding's module.
        check: slug.
        verdict: one of `VERDICTS`.
        reason: why.
    """

    programs: str
    check: str
    module: str
    verdict: str
    reason: str


def read(path: Path = PATH) -> list[Expectation]:
    """The expectations; fields are separated by ``|``, lines that begin with ``#`` are comments.

    Raises:
        ValueError: a line without five fields or with another verdict.
    """
    found: list[Expectation] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 5 or parts[3] not in VERDICTS:
            raise ValueError(f"{path.name}: expected five fields with a verdict, got {line!r}")
        found.append(Expectation(*parts))
    return found


def verdict(expectations: list[Expectation], program: str, finding: Finding) -> Expectation | None:
    """The first expectation that fits a finding."""
    for known in expectations:
        if (
            known.check == finding.check
            and fnmatch.fnmatch(program, known.programs)
            and fnmatch.fnmatch(finding.module or "", known.module)
        ):
            return known
    return None
