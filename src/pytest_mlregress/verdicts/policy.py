"""The rules that a verdict is reached by: everything but the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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

    ``alpha`` is the level of one comparison, the suite's divided by ``comparisons``, and the
    ``tested_share`` of that where a test's learning curves are judged beside its metrics.
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
    green_runs: Mapping[str, Sequence[Mapping[int, float]]] = field(default_factory=dict)
    """Per metric what earlier runs without a change gave, by seed: they tell the run effect."""
    curves: Literal["end", "off"] = "end"
    tested_share: float = 1.0

    @property
    def judges_curves(self) -> bool:
        """Whether a learning curve that has collapsed ends its seed, and so makes a verdict."""
        return self.curves == "end" and self.early and self.on_nonfinite == "fail"

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
        curves=settings.curves,
        **declared,
    )
