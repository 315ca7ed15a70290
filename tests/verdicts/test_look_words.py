"""What a verdict says of collapsed seeds, and of the loss that it does exclude."""

import re

import pytest

from judge_cases import baseline_of, group_of, normal
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import VerdictKind

BASELINE = normal(20, seed=0)


def verdict_on(values, alpha=0.05, **rules):
    found = judge(
        group_of(dict(enumerate(values)), n=5), baseline_of(BASELINE), Rules(alpha=alpha, **rules)
    )
    assert found is not None
    return found


def test_two_collapsed_seeds_are_named_and_more_seeds_advised():
    verdict = verdict_on([0.90, 0.60, 0.905, 0.89, 0.55])
    (metric,) = verdict.metrics
    assert verdict.kind is VerdictKind.INCONCLUSIVE
    assert (
        f"seeds 1, 4 collapsed: 0.6, 0.55; the baseline's worst is {min(BASELINE.values()):.4g}"
        in (metric.notes)
    )
    assert (
        "seeds(20) would tell a part of collapsed seeds from chance, and costs the same when "
        "nothing changed: it stops after 5"
    ) in metric.notes
    (reason,) = metric.reasons
    assert re.fullmatch(
        r"no loss is shown, and none of the margin, [\d.]+, is excluded: the data exclude a loss "
        r"above 0\.\d+",
        reason,
    )


def test_three_collapsed_seeds_are_red_by_their_number():
    verdict = verdict_on([0.90, 0.60, 0.905, 0.50, 0.55])
    (metric,) = verdict.metrics
    assert verdict.kind is VerdictKind.REGRESSION
    assert (
        "3 of 5 seeds collapsed, none of the baseline's: Fisher's exact p = 0.0043"
    ) in metric.reasons


@pytest.mark.parametrize("strict", [False, True])
def test_what_the_data_do_not_exclude_is_never_green(strict):
    verdict = verdict_on([0.90, 0.60, 0.905, 0.89, 0.90], strict=strict)
    assert verdict.colour == ("red" if strict else "yellow")
