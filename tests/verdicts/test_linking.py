"""Matched seeds: when they are linked, and what that changes."""

import numpy as np
import pytest
from judge_cases import baseline_of, group_of, normal

from pytest_mlregress.baselines.artifact import PairedRun
from pytest_mlregress.verdicts.judging import judge
from pytest_mlregress.verdicts.linking import link_of
from pytest_mlregress.verdicts.rules import Rules
from pytest_mlregress.verdicts.verdict import VerdictKind

BASELINE = normal(20, seed=1)
RULES = Rules(alpha=0.01)


def earlier_runs(rho: float, commits: int = 2) -> list[PairedRun]:
    generator = np.random.default_rng(0)
    runs = []
    for commit in range(commits):
        noise = generator.normal(size=20) * 0.01 * (1 - rho**2) ** 0.5
        pairs = tuple(
            (seed, value, 0.9 + rho * (value - 0.9) + float(noise[seed]))
            for seed, value in BASELINE.items()
        )
        runs.append(PairedRun(commit=f"c{commit}", metrics={"accuracy": pairs}))
    return runs


def test_correlated_earlier_runs_of_two_commits_link_the_seeds() -> None:
    link = link_of("accuracy", baseline_of(BASELINE, pairing=earlier_runs(0.95)), RULES)
    assert link is not None
    assert link.theta == pytest.approx(0.95, abs=0.1)
    assert link.gain(20, 5) > 2


@pytest.mark.parametrize(
    "pairing", [[], earlier_runs(0.95, commits=1), earlier_runs(0.1)], ids=["none", "one", "weak"]
)
def test_without_such_runs_they_are_compared_unlinked(pairing: list[PairedRun]) -> None:
    assert link_of("accuracy", baseline_of(BASELINE, pairing=pairing), RULES) is None


def test_pairing_never_and_always_do_not_ask_for_history() -> None:
    with_history = baseline_of(BASELINE, pairing=earlier_runs(0.95))
    assert link_of("accuracy", with_history, Rules(alpha=0.01, pairing="never")) is None
    always = link_of("accuracy", baseline_of(BASELINE), Rules(alpha=0.01, pairing="always"))
    assert always is not None
    assert always.theta == 1.0


def test_a_loss_that_only_linked_seeds_can_show_is_minor() -> None:
    """A third of a standard deviation, the same in every seed."""
    candidate = {seed: BASELINE[seed] - 0.0033 + 0.00001 * (seed % 3) for seed in range(5)}
    unlinked = judge(group_of(candidate), baseline_of(BASELINE), RULES)
    assert unlinked is not None
    assert unlinked.kind is VerdictKind.PASS
    linked = judge(group_of(candidate), baseline_of(BASELINE, pairing=earlier_runs(0.999)), RULES)
    assert linked is not None
    assert linked.kind is VerdictKind.MINOR
    (accuracy,) = linked.metrics
    assert accuracy.notes[0].startswith("seeds linked with theta = ")
    assert accuracy.comparison is not None
    assert accuracy.comparison.mean_baseline == pytest.approx(0.9)
