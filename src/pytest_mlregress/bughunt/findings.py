"""What a hunt hands back: findings, and what it did not look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One training bug.

    Attributes:
        check: slug of the check, as used by ``checks=`` and ``suppress=``.
        severity: ``"error"`` where the argument is proof-like, ``"warning"`` where it is not.
        message: what the code does, in one sentence.
        module: dotted name of the module or parameter concerned, if there is one.
        location: ``file:line`` in the user's code, if the check knows it.
        evidence: the numbers that the check saw.
        fix: what to write instead.
    """

    check: str
    severity: Severity
    message: str
    module: str | None = None
    location: str | None = None
    evidence: str = ""
    fix: str = ""

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.location, self.module) if part)
        lines = [f"{self.severity}: {self.check}" + (f" at {where}" if where else "")]
        lines.append(f"    {self.message}")
        if self.evidence:
            lines.append(f"    evidence: {self.evidence}")
        if self.fix:
            lines.append(f"    fix: {self.fix}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Skip:
    """A check that said nothing because it could not tell, with the reason."""

    check: str
    reason: str

    def __str__(self) -> str:
        return f"skipped: {self.check}: {self.reason}"


class Findings(list[Finding]):
    """The findings of one hunt; also what was skipped and what was suppressed."""

    def __init__(
        self,
        findings: Iterable[Finding] = (),
        skipped: Iterable[Skip] = (),
        suppressed: Iterable[Finding] = (),
    ) -> None:
        super().__init__(findings)
        self.skipped: list[Skip] = list(skipped)
        self.suppressed: list[Finding] = list(suppressed)

    @property
    def errors(self) -> list[Finding]:
        """Findings of severity ``"error"``."""
        return [finding for finding in self if finding.severity == "error"]

    @property
    def warnings(self) -> list[Finding]:
        """Findings of severity ``"warning"``."""
        return [finding for finding in self if finding.severity == "warning"]

    def __str__(self) -> str:
        head = f"{len(self.errors)} errors, {len(self.warnings)} warnings, "
        head += f"{len(self.suppressed)} suppressed, {len(self.skipped)} checks skipped"
        return "\n".join([head, *map(str, self), *map(str, self.skipped)])
