"""Failed and non-finite seeds: how many are too many."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Literal, TypeAlias, get_args

from pytest_mlregress.statistics.tails import require_choice

#: `fail`: failures where the baseline has none are red. `test`: they only enter the test.
OnNonfinite: TypeAlias = Literal["fail", "test"]

#: All of the candidate's seeds failed; any did and none of the baseline's; by Fisher's test.
FailureRule: TypeAlias = Literal["all", "any", "fisher"]


@dataclass(frozen=True, slots=True)
class FailureTestResult:
    """Whether the candidate's failures are too many.

    Attributes:
        rule: the rule that says so; None if they are not.
        reason: the same in words; empty if they are not.
        pvalue: one-sided p-value of Fisher's exact test.
        failed_baseline: number of failed baseline seeds.
        failed_candidate: number of failed candidate seeds.
    """

    rule: FailureRule | None
    reason: str
    pvalue: float
    failed_baseline: int
    failed_candidate: int

    @property
    def diverged(self) -> bool:
        """Whether a rule speaks against the candidate."""
        return self.rule is not None


def failure_test(
    *,
    failed_baseline: int,
    n_baseline: int,
    failed_candidate: int,
    n_candidate: int,
    alpha: float = 0.05,
    on_nonfinite: OnNonfinite = "fail",
) -> FailureTestResult:
    """Judge the numbers of seeds that raised or gave a non-finite value, out of all seeds.

    The candidate has diverged when all of its seeds failed; when any did and none of the
    baseline's; or when Fisher's exact test (Fisher 1935, J. R. Stat. Soc. 98, 39) gives a one-sided
    p-value of at most `alpha`.

    The second rule is a convention, not a test, and holds no error rate: a failed seed is a bug
    unless declared otherwise.

    Args:
        failed_baseline: number of failed baseline seeds.
        n_baseline: number of baseline seeds.
        failed_candidate: number of failed candidate seeds.
        n_candidate: number of candidate seeds.
        alpha: level of Fisher's test.
        on_nonfinite: `"test"` keeps the first rule only, for trainings in which lost seeds are
            normal.

    Returns:
        The rule that the failures break, if any, and the p-value.

    Raises:
        ValueError: counts that do not fit together, or an unknown policy.
    """
    require_choice("on_nonfinite", on_nonfinite, get_args(OnNonfinite))
    _require_counts("baseline", failed_baseline, n_baseline)
    _require_counts("candidate", failed_candidate, n_candidate)
    pvalue = fisher_pvalue(failed_baseline, n_baseline, failed_candidate, n_candidate)
    rule: FailureRule | None = None
    if failed_candidate == n_candidate:
        rule = "all"
    elif on_nonfinite == "fail" and failed_candidate and not failed_baseline:
        rule = "any"
    elif on_nonfinite == "fail" and pvalue <= alpha:
        rule = "fisher"
    reason = (
        ""
        if rule is None
        else (
            f"{failed_candidate} of {n_candidate} seeds failed or were non-finite, "
            f"{failed_baseline} of the baseline's {n_baseline} did"
            + (f" (Fisher's exact p = {pvalue:.3g})" if rule == "fisher" else "")
        )
    )
    return FailureTestResult(rule, reason, pvalue, failed_baseline, failed_candidate)


def fisher_pvalue(
    failed_baseline: int, n_baseline: int, failed_candidate: int, n_candidate: int
) -> float:
    """Probability that at least this many failures are the candidate's, if all seeds are alike.

    Args:
        failed_baseline: number of failed baseline seeds.
        n_baseline: number of baseline seeds.
        failed_candidate: number of failed candidate seeds.
        n_candidate: number of candidate seeds.

    Returns:
        The one-sided p-value of Fisher's exact test.
    """
    failed = failed_baseline + failed_candidate
    total = comb(n_baseline + n_candidate, failed)
    at_least = range(failed_candidate, min(failed, n_candidate) + 1)
    return sum(comb(n_candidate, k) * comb(n_baseline, failed - k) for k in at_least) / total


def _require_counts(side: str, failed: int, n: int) -> None:
    if n < 1 or not 0 <= failed <= n:
        raise ValueError(
            f"{side}: {failed} failed of {n} seeds; allowed is 0 <= failed <= n, n >= 1"
        )
