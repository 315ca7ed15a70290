"""The registered checks of ``mlregress doctor``: their names, their topics, what they look at."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from pytest_mlregress.doctor.finding import DoctorFinding, Level

if TYPE_CHECKING:
    from pytest_mlregress.doctor.project import Project

Topic: TypeAlias = Literal[
    "readme", "dependencies", "code", "seeds", "data", "machine", "baselines"
]

TOPICS: Final[dict[Topic, str]] = {
    "readme": "README",
    "dependencies": "Dependencies",
    "code": "Uncommitted changes",
    "seeds": "Seeds and determinism",
    "data": "Hyper-parameters and data",
    "machine": "Machine",
    "baselines": "Baselines, metrics and gates",
}
"""The titles of the report, in its order."""

CheckFunction: TypeAlias = Callable[["Project"], Iterable[DoctorFinding]]


class CannotCheckError(Exception):
    """Why a check does not apply here, or cannot look; the finding is ``skipped``.

    Attributes:
        reason: why, in words.
        remedy: what makes it possible; empty where nothing does.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Question:
    """What one name of the report stands for; it makes the findings of that name.

    Attributes:
        name: the name, as in ``--ignore NAME``.
        topic: where the report prints it.
        text: what it asks of a repository, for the table in the docs.
    """

    name: str
    topic: Topic
    text: str

    def found(
        self, level: Level, evidence: str, remedy: str = "", location: str = ""
    ) -> DoctorFinding:
        """A finding of this name."""
        return DoctorFinding(self.name, level, evidence, remedy, location)

    def ok(self, evidence: str, location: str = "") -> DoctorFinding:
        """Nothing is wrong, and this shows it."""
        return self.found("ok", evidence, "", location)

    def warning(self, evidence: str, remedy: str, location: str = "") -> DoctorFinding:
        """Results may not be reproducible."""
        return self.found("warning", evidence, remedy, location)

    def problem(self, evidence: str, remedy: str, location: str = "") -> DoctorFinding:
        """Results cannot be reproduced, or a gate is off."""
        return self.found("problem", evidence, remedy, location)

    def skipped(self, reason: str, remedy: str = "") -> DoctorFinding:
        """The question could not be answered."""
        return self.found("skipped", reason, remedy)


@dataclass(frozen=True, slots=True)
class Check:
    """One function that answers one question, or a few that share what they read.

    Attributes:
        questions: what its findings answer.
        function: takes the `Project`, yields findings, raises `CannotCheckError`.
        trains: whether it needs trained seeds.
    """

    questions: tuple[Question, ...]
    function: CheckFunction
    trains: bool = False


_checks: list[Check] = []


def check(*questions: Question, trains: bool = False) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as the check that answers ``questions``."""

    def register(function: CheckFunction) -> CheckFunction:
        _checks.append(Check(questions, function, trains))
        return function

    return register


def registered() -> tuple[Check, ...]:
    """Every check, by topic and then by the name of its file."""
    order = list(TOPICS)
    return tuple(
        sorted(
            _checks,
            key=lambda each: (order.index(each.questions[0].topic), each.function.__module__),
        )
    )


def questions() -> tuple[Question, ...]:
    """What every check asks, in the order of the report."""
    return tuple(question for each in registered() for question in each.questions)


def require_known(names: Collection[str]) -> None:
    """Refuse a name that no check has.

    Args:
        names: names of checks.

    Raises:
        ValueError: with the known names that look like it.
    """
    known = [question.name for question in questions()]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
            raise ValueError(f"there is no check {name!r}; {hint}")
