"""Seeds that their learning curve has ended, in the words of the verdict."""

from __future__ import annotations

from judge_cases import baseline_of, ended, group, metric, normal, passed
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.afterwards import with_late_seed
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import VerdictKind

CURVE = "loss 4.1 at step 300, the baseline's seeds end there within 0.31 .. 0.52"
MESSAGE = f"Failed: collapsed early: {CURVE}; accuracy so far 0.11"
RULES = Rules(alpha=0.05)
BASELINE = baseline_of(normal(20, seed=1))
VALUES = normal(5, seed=2)


def collapsed(seed: int) -> SeedResult:
    return ended(seed, "failed", MESSAGE)


def test_one_that_collapsed() -> None:
    verdict = judge(group(5, collapsed(0)), BASELINE, RULES)
    assert verdict is not None
    assert verdict.kind is VerdictKind.DIVERGED
    assert headline(verdict) == f"test_fit collapsed early: {CURVE}; accuracy so far 0.11"
    assert headline(verdict, width=100) == f"test_fit collapsed early: {CURVE}"
    assert verdict.reasons == (f"seed 0 collapsed early: {CURVE}; accuracy so far 0.11",)


def test_several_that_collapsed() -> None:
    verdict = judge(group(5, *map(collapsed, (0, 2, 3))), BASELINE, RULES)
    assert verdict is not None
    assert headline(verdict) == (
        f"test_fit collapsed early: {CURVE}; accuracy so far 0.11; and so did seeds 2, 3"
    )


def test_beside_one_that_raised_each_is_named() -> None:
    verdict = judge(group(5, collapsed(0), ended(1, "failed")), BASELINE, RULES)
    assert verdict is not None
    assert headline(verdict) == (
        f"2 of 2 seeds failed: seed 0: collapsed early: {CURVE}; accuracy so far 0.11; "
        "seed 1: ValueError: boom"
    )
    assert verdict.reasons[1] == "seed 1 failed: ValueError: boom"


def test_one_that_collapsed_after_the_verdict() -> None:
    seeds = group(5, *(passed(seed, metric(VALUES[seed])) for seed in range(3)))
    verdict = judge(seeds, BASELINE, RULES)
    assert verdict is not None
    assert verdict.kind is VerdictKind.PASS
    seeds.results[3] = collapsed(3)
    late = with_late_seed(verdict, seeds, 3)
    assert late.kind is VerdictKind.DIVERGED
    assert headline(late) == f"test_fit collapsed early: {CURVE}; accuracy so far 0.11"
    assert late.reasons == (
        f"seed 3 collapsed early after the verdict: {CURVE}; accuracy so far 0.11; without it the "
        "verdict was pass after 3 seeds",
    )
