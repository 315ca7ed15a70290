"""What differs between the two environments of a run, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_mlregress.baselines.environment import DifferingFact, differing_facts
from pytest_mlregress.baselines.packages import can_change_results
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.text_layout import pad, width_of, wrap

if TYPE_CHECKING:
    from pytest_mlregress.revisions.environments import EnvironmentFacts

NO_DIFFERENCE: Final = "no difference found between the environments"

HEADINGS: Final = ("differs", "base", "candidate")
_ABSENT: Final = "not installed"
_INDENT: Final = "  "
_GAP: Final = "  "
_MACHINE: Final = ("cpu", "gpus", "driver", "cuda", "cudnn", "threads", "libc", "determinism")
"""Facts after Python and the platform, in the order in which a reader looks for a cause."""


@dataclass(frozen=True, slots=True)
class EnvironmentRow:
    """One difference.

    Attributes:
        name: what differs.
        base: its value in the base's environment.
        candidate: its value in the candidate's.
    """

    name: str
    base: str
    candidate: str

    @property
    def text(self) -> str:
        """``torch 2.5.1 -> 2.6.0``; of packages that move no numbers only their number."""
        change = " -> ".join(value for value in (self.base, self.candidate) if value)
        return f"{self.name} {change}"


def environment_table(
    candidate: EnvironmentFacts, base: EnvironmentFacts
) -> tuple[EnvironmentRow, ...]:
    """What differs between two environments.

    Args:
        candidate: the facts of the candidate's.
        base: those of the base's.

    Returns:
        Rows for Python, the platform, the devices, threads and flags, every package that is known
        to move numbers or that a test imports, and one with the number of other packages. Empty if
        there is no difference.
    """
    pairs = (
        ("Python", _python(base), _python(candidate)),
        ("platform", base.platform, candidate.platform),
    )
    rows = [EnvironmentRow(*pair) for pair in pairs if pair[1] != pair[2]]
    rows += map(_row_of, _machine_facts(base, candidate))
    rows += _torch_build(base, candidate)
    return (*rows, *_packages(base, candidate))


def _python(facts: EnvironmentFacts) -> str:
    return f"{facts.implementation} {facts.version}"


def _machine_facts(base: EnvironmentFacts, candidate: EnvironmentFacts) -> list[DifferingFact]:
    found = differing_facts(base.environment, candidate.environment)
    return sorted(
        (fact for fact in found if fact.group in _MACHINE),
        key=lambda fact: (_MACHINE.index(fact.group), fact.name),
    )


def _row_of(fact: DifferingFact) -> EnvironmentRow:
    return EnvironmentRow(fact.name, fact.old, fact.new)


def _torch_build(base: EnvironmentFacts, candidate: EnvironmentFacts) -> Iterator[EnvironmentRow]:
    if base.torch_cuda != candidate.torch_cuda:
        yield EnvironmentRow(
            "CUDA of torch's build", base.torch_cuda or "none", candidate.torch_cuda or "none"
        )


def _packages(base: EnvironmentFacts, candidate: EnvironmentFacts) -> Iterator[EnvironmentRow]:
    imported = _imported(base).keys() | _imported(candidate).keys()
    old = {**base.distributions, **_imported(base)}
    new = {**candidate.distributions, **_imported(candidate)}
    differing = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    shown = [name for name in differing if name in imported or can_change_results(name)]
    for name in shown:
        yield EnvironmentRow(name, old.get(name, _ABSENT), new.get(name, _ABSENT))
    if others := len(differing) - len(shown):
        yield EnvironmentRow("other packages", "", f"{others} differ")


def _imported(facts: EnvironmentFacts) -> dict[str, str]:
    packages = facts.environment.get("packages")
    return (
        {name: str(version) for name, version in packages.items()}
        if isinstance(packages, Mapping)
        else {}
    )


def table_lines(rows: Sequence[EnvironmentRow], *, width: int = 80) -> list[str]:
    """The table as text.

    Args:
        rows: from `environment_table`.
        width: width in terminal cells.

    Returns:
        The lines, with headings; `NO_DIFFERENCE` without rows. A row that does not fit into its
        columns is a sentence.
    """
    if not rows:
        return [NO_DIFFERENCE]
    cells = [(row.name, row.base, row.candidate) for row in rows]
    room = (width - len(_INDENT) - 2 * len(_GAP)) // 3
    fitting = [row for row in cells if max(map(width_of, row)) <= room]
    widths = [max(map(width_of, column)) for column in zip(HEADINGS, *fitting, strict=True)]
    lines = [_aligned(HEADINGS, widths)] if fitting else []
    for row, row_cells in zip(rows, cells, strict=True):
        if row_cells in fitting:
            lines.append(_aligned(row_cells, widths))
        else:
            text = f"{row.name}: {row.base} -> {row.candidate}"
            lines += wrap(text, width, first=_INDENT, rest=_INDENT * 2)
    return lines


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (pad(cell, width) for cell, width in zip(cells, widths, strict=True))
    return (_INDENT + _GAP.join(padded)).rstrip()


def differences_in_words(texts: Sequence[str], *, most: int = 3) -> str:
    """``torch 2.5.1 -> 2.6.0, numpy 1.26.4 -> 2.1.0 and 4 more differences``.

    Args:
        texts: the differences, those that matter most first.
        most: how many are named.

    Returns:
        The text; `NO_DIFFERENCE` without any.
    """
    if not texts:
        return NO_DIFFERENCE
    named = ", ".join(texts[:most])
    left = len(texts) - most
    return f"{named} and {count_of(left, 'more difference')}" if left > 0 else named
