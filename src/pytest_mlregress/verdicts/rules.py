"""The rules that a verdict is reached by: everything but the values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.verdict import Colour, VerdictKind

BETA: Final = 0.1
"""The chance that a loss as large as the margin passes: the complement of the 90 % power that
the automatic margin and the planner aim at."""

Test = Literal["robust-t", "welch", "student", "paired", "rank"]


@dataclass(frozen=True, slots=True)
class Rules:
    """How the seeds of one test are judged.

    ``alpha`` is the level of one comparison, the suite's divided by ``comparisons``.
    """

    alpha: float
    comparisons: int = 1
    test: Test = "robust-t"
    pairing: Literal["auto", "always", "never"] = "auto"
    expect: Literal["identical"] | None = None
    deterministic: bool = False
    on_nonfinite: Literal["fail", "test"] = "fail"
    early: bool = True
    strict: bool = False
    missing: Literal["fail", "warn"] = "fail"
    env_mismatch: Literal["fail", "warn", "ignore"] = "warn"
    dispersion: Literal["off", "warn", "fail"] = "off"
    beta: float = BETA
    confirm: bool = False
    """Whether a red will be tested on fresh seeds anyway: then no text advises it."""

    def colour(self, kind: VerdictKind) -> Colour:
        """What the verdict does to the run."""
        if kind in _RED or (self.strict and kind in _STRICT):
            return Colour.RED
        if kind is VerdictKind.NO_BASELINE:
            return Colour.RED if self.missing == "fail" else Colour.YELLOW
        return Colour.YELLOW if kind in _YELLOW else Colour.GREEN


_RED: Final = frozenset(
    {
        VerdictKind.REGRESSION,
        VerdictKind.DIVERGED,
        VerdictKind.INCOMPARABLE,
        VerdictKind.INCOMPLETE,
        VerdictKind.REFUSED,
    }
)
_YELLOW: Final = frozenset({VerdictKind.INCONCLUSIVE, VerdictKind.UNAFFORDABLE})
_STRICT: Final = _YELLOW | {VerdictKind.MINOR}


def rules_for(
    settings: Settings, of_test: Mapping[str, str | bool | None], *, comparisons: int
) -> Rules:
    """The rules of one test: the run's settings with those that the test declared in place."""
    declared = cast("dict[str, Any]", dict(of_test))
    return Rules(
        alpha=settings.alpha / max(comparisons, 1),
        comparisons=max(comparisons, 1),
        early=settings.stop == "early",
        strict=settings.strict,
        missing=settings.missing,
        env_mismatch=settings.env_mismatch,
        dispersion=settings.dispersion,
        confirm=settings.confirm,
        **declared,
    )
