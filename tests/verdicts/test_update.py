"""Which samples become a baseline, and what is kept of the one they replace."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from judge_cases import (
    PROVENANCE,
    baseline_of,
    ended,
    group,
    group_of,
    metric,
    normal,
    passed,
    plan,
)
from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.history import accepted_loss, with_refused_update
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.recorded_sample import MOST_CURVE_POINTS, thinned
from pytest_mlregress.verdicts.update import Update, judge_update
from pytest_mlregress.verdicts.verdict import Colour, VerdictKind

RULES = Rules(alpha=0.01, early=False)
BASELINE = normal(20, seed=1)


def update(
    case: SeedGroup, previous: Artifact | None = None, *, reason: str | None = None
) -> Update:
    found = judge_update(case, previous, RULES, PROVENANCE, rebase_reason=reason)
    assert found is not None
    return found


def sample(mean: float, *, seed: int = 2) -> SeedGroup:
    return group_of(normal(20, seed=seed, mean=mean))


def test_the_first_sample_is_recorded_with_its_values_as_anchor() -> None:
    found = update(sample(0.9))
    assert found.verdict.kind is VerdictKind.RECORDED
    assert found.artifact is not None
    assert found.artifact.anchor["accuracy"].values == found.artifact.metrics["accuracy"].values
    assert found.artifact.parent is None


def test_nothing_is_decided_before_the_last_seed() -> None:
    case = group(20, passed(0, metric(0.9)))
    assert judge_update(case, None, RULES, PROVENANCE, rebase_reason=None) is None


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        (group(2, passed(0, metric(0.9)), ended(1, "failed")), VerdictKind.DIVERGED),
        (group(2, passed(0, metric(0.9)), ended(1, "lost")), VerdictKind.INCOMPLETE),
        (group(2, passed(0, metric(0.9)), ended(1, "skipped")), VerdictKind.INCOMPLETE),
        (group(2, passed(0, metric(0.9)), selected=[0]), VerdictKind.REFUSED),
        (group(2, passed(0, metric(0.9)), passed(1)), VerdictKind.INCOMPARABLE),
    ],
    ids=["failed", "lost", "skipped", "partial", "contradiction"],
)
def test_a_sample_that_is_not_whole_is_refused(case: SeedGroup, kind: VerdictKind) -> None:
    found = update(case)
    assert found.artifact is None
    assert (found.verdict.kind, found.verdict.colour) == (kind, Colour.RED)


def test_a_loss_is_no_baseline_and_the_refusal_says_how_to_accept_it() -> None:
    previous = baseline_of(BASELINE)
    found = update(sample(0.87), previous)
    assert found.artifact == with_refused_update(previous, ["accuracy"])
    assert found.verdict.kind is VerdictKind.REFUSED
    assert found.verdict.reasons[0] == (
        "accuracy is worse than the baseline that it would replace (regression)"
    )
    assert found.verdict.reasons[-1] == "the values of the baseline stay as they were"
    assert found.verdict.next_steps[-1] == (
        "to accept it: pytest 'tests/test_fit.py::test_fit' --mlregress-update "
        "--mlregress-rebase-anchor='why'"
    )


def test_a_reason_accepts_the_loss_moves_the_anchor_and_is_kept() -> None:
    previous = baseline_of(BASELINE)
    found = update(sample(0.87), previous, reason="smaller model for the phone")
    assert found.artifact is not None
    assert found.artifact.parent == previous.revision
    (entry,) = found.artifact.ledger
    assert entry.reason == "smaller model for the phone"
    assert entry.anchored == ("accuracy",)
    assert entry.effects["accuracy"] == pytest.approx(-0.03, abs=1e-12)
    assert found.artifact.anchor["accuracy"].values == found.artifact.metrics["accuracy"].values
    assert accepted_loss(found.artifact, "accuracy") == 0.0


def test_small_accepted_losses_do_not_add_up_beyond_the_budget() -> None:
    """Each step is too small to be shown against the one before, but not against the anchor."""
    current = baseline_of(BASELINE)
    mean = 0.9
    for step in range(20):
        mean -= 0.002
        found = update(sample(mean, seed=10 + step), current)
        if found.verdict.kind is VerdictKind.REFUSED:
            break
        assert found.artifact is not None
        current = found.artifact
    else:
        pytest.fail("every step of the decay was accepted")
    lost = 0.9 - sum(current.metrics["accuracy"].values.values()) / 20
    assert lost <= 0.01
    assert accepted_loss(current, "accuracy") == pytest.approx(lost)
    assert any(
        reason.startswith("accuracy may have drifted by more than 1sd (0.01) from its anchor")
        for reason in found.verdict.reasons
    )


@pytest.mark.parametrize("seeds", [5, 8])
def test_few_seeds_that_all_gave_the_same_value_have_not_drifted(seeds: int) -> None:
    before = {seed: BASELINE[seed] for seed in range(5)}
    case = group(seeds, *(passed(seed, metric(BASELINE[seed])) for seed in range(seeds)))
    found = update(case, baseline_of(before))
    assert found.verdict.kind is VerdictKind.RECORDED


def test_one_seed_of_a_few_that_gave_another_value_may_have_drifted() -> None:
    before = {seed: BASELINE[seed] for seed in range(5)}
    now = {**before, 4: BASELINE[4] - 1e-9}
    case = group(5, *(passed(seed, metric(value)) for seed, value in now.items()))
    found = update(case, baseline_of(before))
    assert found.verdict.kind is VerdictKind.REFUSED
    assert found.verdict.reasons[0].startswith("accuracy may have drifted by more than 1sd")


def test_an_accepted_update_remembers_the_pairs_for_later() -> None:
    found = update(sample(0.9), baseline_of(BASELINE))
    assert found.artifact is not None
    (run,) = found.artifact.pairing
    assert [seed for seed, _, _ in run.metrics["accuracy"]] == list(range(20))
    assert found.artifact.parent == baseline_of(BASELINE).revision


def test_a_metric_with_a_new_version_starts_a_new_anchor() -> None:
    values = normal(20, seed=2, mean=0.5)
    case = group(
        20,
        *(
            SeedResult(
                seed, "finished", (metric(value).__class__("accuracy", value, True, version=2),)
            )
            for seed, value in values.items()
        ),
    )
    found = update(case, baseline_of(BASELINE))
    assert found.artifact is not None
    assert found.artifact.anchor["accuracy"].values == values
    assert found.artifact.ledger[-1].anchored == ("accuracy",)


def test_a_test_without_metrics_needs_no_baseline() -> None:
    found = update(group(2, passed(0), passed(1)))
    assert found.artifact is None
    assert found.verdict.kind is VerdictKind.PASS


def test_long_curves_keep_their_first_and_last_point() -> None:
    points = [(step, float(step)) for step in range(1001)]
    kept = thinned(points)
    assert len(kept) == MOST_CURVE_POINTS
    assert (kept[0], kept[-1]) == ((0, 0.0), (1000, 1000.0))
    assert thinned(points[:3]) == ((0, 0.0), (1, 1.0), (2, 2.0))


LOOKS = (20, 40, 60)


def growing(values: Mapping[int, float], *, seconds: float = 1.0) -> SeedGroup:
    """An update of at most 60 seeds, of which the first have these accuracies."""
    case = SeedGroup(plan(LOOKS[-1], looks=LOOKS))
    case.results = {
        seed: replace(passed(seed, metric(value)), duration=seconds)
        for seed, value in values.items()
    }
    return case


def undecided(
    case: SeedGroup, previous: Artifact | None = None, *, reason: str | None = None
) -> bool:
    return judge_update(case, previous, RULES, PROVENANCE, rebase_reason=reason) is None


def test_a_first_baseline_takes_twice_the_seeds_where_they_are_quick() -> None:
    assert undecided(growing(normal(20, seed=2)))
    found = update(growing(normal(45, seed=2)))
    assert found.artifact is not None
    assert list(found.artifact.metrics["accuracy"].values) == list(range(40))
    assert found.artifact.provenance.seeds == tuple(range(40))
    assert found.verdict.decided_after == 40
    assert found.verdict.notes == ()


def test_a_first_baseline_of_slow_seeds_stays_small_and_says_what_that_means() -> None:
    found = update(growing(normal(20, seed=2), seconds=61.0))
    assert found.artifact is not None
    assert len(found.artifact.anchor["accuracy"].values) == 20
    assert found.verdict.notes == (
        "an anchor of 20 seeds, since one takes over 60 s: later updates that lost nothing are "
        "refused in 11 % of tries, with 40 seeds in 1 %: pytest 'tests/test_fit.py::test_fit' "
        "--mlregress-update --mlregress-baseline-seeds=40",
    )


def test_a_reason_makes_an_anchor_and_so_takes_its_seeds() -> None:
    previous = baseline_of(BASELINE)
    assert undecided(growing(normal(20, seed=2, mean=0.8)), previous, reason="smaller")
    found = update(growing(normal(40, seed=2, mean=0.8)), previous, reason="smaller")
    assert found.artifact is not None
    assert len(found.artifact.anchor["accuracy"].values) == 40


def test_an_update_is_accepted_at_the_first_look_that_can() -> None:
    found = update(growing(normal(20, seed=2)), baseline_of(BASELINE))
    assert found.verdict.kind is VerdictKind.RECORDED
    assert found.artifact is not None
    assert len(found.artifact.metrics["accuracy"].values) == 20


def test_an_undecided_update_goes_on_and_may_be_accepted_with_more_seeds() -> None:
    """By chance the first seeds lie half an SD below the anchor, the later ones above."""
    first = normal(20, seed=2, mean=0.895)
    later = {20 + seed: value for seed, value in normal(20, seed=3, mean=0.905).items()}
    previous = baseline_of(BASELINE)
    assert undecided(growing(first), previous)
    found = update(growing(first | later), previous)
    assert found.verdict.kind is VerdictKind.RECORDED
    assert found.artifact is not None
    assert list(found.artifact.metrics["accuracy"].values) == list(range(40))


def test_what_the_last_look_cannot_settle_is_refused_and_counted() -> None:
    values = {
        20 * part + seed: value
        for part in range(3)
        for seed, value in normal(20, seed=2 + part, mean=0.8935).items()
    }
    previous = baseline_of(BASELINE)
    assert undecided(growing(dict(list(values.items())[:40])), previous)
    found = update(growing(values), previous)
    assert found.verdict.kind is VerdictKind.REFUSED
    assert found.verdict.decided_after == 60
    assert found.artifact is not None
    assert found.artifact.anchor["accuracy"].refused == 1
    assert replace(found.artifact, anchor=previous.anchor, revision=previous.revision) == previous
    assert any(
        reason.startswith(
            "accuracy: refused try 1 against this anchor, as the file of the baseline now says "
            "(commit it): the next one is held to the level 0.005 in place of 0.01"
        )
        for reason in found.verdict.reasons
    )


def test_a_loss_beyond_the_budget_trains_no_more_seeds() -> None:
    found = update(growing(normal(20, seed=2, mean=0.87)), baseline_of(BASELINE))
    assert found.verdict.kind is VerdictKind.REFUSED
    assert found.verdict.decided_after == 20


def test_refused_tries_make_the_next_one_harder_until_the_anchor_moves() -> None:
    previous = baseline_of(BASELINE)
    case = growing(normal(20, seed=2, mean=0.8995))
    assert update(case, previous).verdict.kind is VerdictKind.RECORDED
    often = previous
    for _ in range(99):
        often = with_refused_update(often, ["accuracy"])
    assert undecided(case, often)
    moved = update(growing(normal(40, seed=2)), often, reason="accepted").artifact
    assert moved is not None
    assert moved.anchor["accuracy"].refused == 0


def test_seeds_beyond_the_look_decide_nothing() -> None:
    first = normal(20, seed=2)
    alone = update(growing(first), baseline_of(BASELINE))
    with_more = update(growing(first | {20: 0.1, 23: 0.2}), baseline_of(BASELINE))
    assert alone.artifact == with_more.artifact
