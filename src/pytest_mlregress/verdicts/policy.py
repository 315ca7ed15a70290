"""The rules by which a verdict is reached: everything but the values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.verdict import Colour, VerdictKind

BETA: Final = 0.1
"""Probability that a loss as large as the margin passes: the complement of the 90 % power that
the automatic margin and the planner assume."""

Test = Literal["robust-t", "welch", "student", "paired", "rank"]


@dataclass(frozen=True, slots=True)
class Rules:
    """How the seeds of one test are judged.

    Attributes:
        alpha: level of one comparison: the suite's divided by ``comparisons``, and the
            ``tested_share`` of that if the test's learning curves are judged besides its metrics.
        comparisons: number of metrics in the baselines of the suite.
        test: the test that judges.
        pairing: whether matched seeds are linked.
        expect: `"identical"` if any changed bit is a failure.
        deterministic: whether the training ignores its seed on purpose.
        on_nonfinite: what failed seeds do, see `failure_test`.
        early: whether a check may stop early.
        strict: whether yellow verdicts and `minor` fail.
        missing: whether a missing baseline fails.
        env_mismatch: what another environment does.
        dispersion: what a wider spread does.
        beta: probability that a loss as large as the margin passes.
        confirm: whether a red will be tested on fresh seeds anyway: then no text advises it.
        green_runs: per metric the values, by seed, of earlier runs without a change, from which the
            run effect is estimated.
        curves: whether collapsed learning curves end a seed.
        tested_share: the share of alpha that the curves leave to the comparison.
        base_label: what the base of live pairs is called, as ``main (4041c47)``; empty for a check
            against a baseline.
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
    green_runs: Mapping[str, Sequence[Mapping[int, float]]] = field(default_factory=dict)
    curves: Literal["end", "off"] = "end"
    tested_share: float = 1.0
    base_label: str = ""

    @property
    def judges_curves(self) -> bool:
        """Whether a learning curve that has collapsed ends its seed, and so makes a verdict."""
        return self.curves == "end" and self.early and self.on_nonfinite == "fail"

    def colour(self, kind: VerdictKind) -> Colour:
        """The effect of a verdict on the run.

        Args:
            kind: the verdict.

        Returns:
            Its colour.
        """
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
    """The rules of one test.

    Args:
        settings: the settings of the run.
        of_test: those that the test declares, which take precedence.
        comparisons: number of metrics that share alpha.

    Returns:
        The rules.
    """
    declared = cast("dict[str, Any]", {"early": settings.stop == "early", **of_test})
    return Rules(
        alpha=settings.alpha / max(comparisons, 1),
        comparisons=max(comparisons, 1),
        strict=settings.strict,
        missing=settings.missing,
        env_mismatch=settings.env_mismatch,
        dispersion=settings.dispersion,
        confirm=settings.confirm,
        curves=settings.curves,
        **declared,
    )
