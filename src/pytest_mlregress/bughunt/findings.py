"""What a hunt hands back: findings, and what it did not look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

from pytest_mlregress.plurals import count_of

Severity = Literal["error", "warning", "info"]

_RANK: Final[dict[Severity, int]] = {"error": 0, "warning": 1, "info": 2}
_MOST_NAMES: Final = 4


@dataclass(frozen=True)
class Finding:
    """One training bug.

    Attributes:
        check: slug of the check, as used by ``checks=`` and ``suppress=``.
        severity: ``"error"`` where the argument is proof-like, ``"warning"`` where it is not, and
            ``"info"`` for what is seldom worth a change: it neither fails nor warns.
        message: what the code does, in one sentence.
        module: dotted name of the module or parameter concerned, if there is one.
        location: ``file:line`` in the user's code, if the check knows it.
        evidence: the numbers that the check saw.
        fix: what to write instead.
        count: of how many modules or parameters this is true at this line; those beyond `module`
            are named in the evidence.
    """

    check: str
    severity: Severity
    message: str
    module: str | None = None
    location: str | None = None
    evidence: str = ""
    fix: str = ""
    count: int = 1

    def __str__(self) -> str:
        where = ", ".join(part for part in (self.location, self.module) if part)
        more = f" (and {self.count - 1} more)" if self.count > 1 else ""
        lines = [f"{self.severity}: {self.check}" + (f" at {where}" if where else "") + more]
        lines.append(f"    {self.message}")
        if self.evidence:
            lines.append(f"    evidence: {self.evidence}")
        if self.fix:
            lines.append(f"    fix: {self.fix}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Skip:
    """A check that said nothing because it could not tell, with the reason.

    Attributes:
        check: the slug.
        reason: why it could not tell.
        partly: whether another check of the same slug could.
    """

    check: str
    reason: str
    partly: bool = False

    def __str__(self) -> str:
        return f"skipped{' in part' * self.partly}: {self.check}: {self.reason}"


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

    @property
    def infos(self) -> list[Finding]:
        """Findings of severity ``"info"``."""
        return [finding for finding in self if finding.severity == "info"]

    def __str__(self) -> str:
        head = f"{count_of(len(self.errors), 'error')}, {count_of(len(self.warnings), 'warning')}, "
        head += f"{len(self.suppressed)} suppressed, {count_of(len(self.skipped), 'check')} skipped"
        return "\n".join([head, *map(str, self), *map(str, self.skipped)])


def merged(findings: Iterable[Finding]) -> list[Finding]:
    """One finding per check and line, strongest first, with the number of those that it stands for.

    Of the findings of one check at one line the first of the highest severity stays. The same
    module is counted once.
    """
    groups: dict[tuple[str, str | None], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.check, finding.location), []).append(finding)
    return by_severity(_one_of(group) for group in groups.values())


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then warnings, then information; otherwise in the order given."""
    return sorted(findings, key=lambda finding: _RANK[finding.severity])


def _one_of(group: list[Finding]) -> Finding:
    first = by_severity(group)[0]
    others = list(dict.fromkeys(f.module for f in group if f.module not in (None, first.module)))
    if not others:
        return first
    names = ", ".join(map(str, others[:_MOST_NAMES])) + (", …" if others[_MOST_NAMES:] else "")
    also = f"the same of {names}"
    evidence = f"{first.evidence}; {also}" if first.evidence else also
    return replace(first, evidence=evidence, count=1 + len(others))
