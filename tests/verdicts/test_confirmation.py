"""A red verdict after fresh seeds of both sides."""

from judge_cases import baseline_of, group_of, normal
from pytest_mlregress.verdicts.confirmation import confirmed, needs_confirmation
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind

RULES = Rules(alpha=0.01)
SEEDS = range(20, 30)
UPDATE = "pytest 'test_fit.py' --mlregress-update"


def red() -> Verdict:
    candidate = {seed: value - 0.04 for seed, value in normal(5, seed=2).items()}
    verdict = judge(group_of(candidate), baseline_of(normal(20, seed=1)), RULES)
    assert verdict is not None
    assert needs_confirmation(verdict)
    return verdict


def fresh(mean: float, seed: int) -> dict[str, dict[int, float]]:
    return {"accuracy": {20 + k: v for k, v in normal(10, seed=seed, mean=mean).items()}}


def test_a_loss_on_fresh_seeds_stays_red_and_says_so() -> None:
    verdict = confirmed(red(), fresh(0.9, 3), fresh(0.86, 4), RULES, SEEDS, UPDATE)
    assert (verdict.kind, verdict.colour) == (VerdictKind.REGRESSION, Colour.RED)
    assert (
        verdict.metrics[0]
        .notes[-1]
        .startswith("confirmed on fresh seeds 20 to 29 of both sides: 0.9 -> 0.86, p = ")
    )


def test_no_loss_on_fresh_seeds_makes_it_inconclusive() -> None:
    verdict = confirmed(red(), fresh(0.9, 3), fresh(0.9, 4), RULES, SEEDS, UPDATE)
    assert (verdict.kind, verdict.colour) == (VerdictKind.INCONCLUSIVE, Colour.YELLOW)
    assert verdict.reasons == (
        "a loss was shown, and not confirmed on fresh seeds 20 to 29 of both sides",
    )
    assert verdict.next_steps == (f"record the baseline again if this recurs: {UPDATE}",)


def test_fresh_seeds_that_record_nothing_do_not_absolve() -> None:
    verdict = confirmed(red(), {}, {}, RULES, SEEDS, UPDATE)
    assert verdict.kind is VerdictKind.REGRESSION


def test_fresh_seeds_that_diverge_confirm() -> None:
    nothing = {"accuracy": dict.fromkeys(SEEDS, float("nan"))}
    verdict = confirmed(red(), fresh(0.9, 3), nothing, RULES, SEEDS, UPDATE)
    assert verdict.kind is VerdictKind.REGRESSION
