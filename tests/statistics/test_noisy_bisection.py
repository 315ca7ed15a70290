"""The search for the commit that lost: its model by hand, its answers, its invariances."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlregress.statistics.bisection_baseline import trainings_of_git_bisect
from pytest_mlregress.statistics.bisection_classes import Classes, group
from pytest_mlregress.statistics.bisection_model import EFFECT_SDS, log_likelihood
from pytest_mlregress.statistics.bisection_regression import CORRELATIONS, regress
from pytest_mlregress.statistics.bisection_values import search_values
from pytest_mlregress.statistics.noisy_bisection import (
    BisectionProblem,
    BisectionStep,
    CannotTell,
    NamedCommit,
    NoneWorse,
    next_step,
)

Observations = dict[int, dict[int, float]]


def linear(n: int) -> np.ndarray:
    return np.tril(np.ones((n + 1, n), dtype=bool), -1)


def history(n: int, **options: object) -> BisectionProblem:
    return BisectionProblem(contains=linear(n), prior=np.ones(n), **options)  # type: ignore[arg-type]


def train(
    problem: BisectionProblem, value: Callable[[int, int], float], **options: object
) -> tuple[BisectionStep, Observations]:
    """Follow the search to its answer."""
    observations: Observations = {}
    while True:
        step = next_step(problem, observations, **options)  # type: ignore[arg-type]
        if step.answer is not None:
            assert step.next == ()
            return step, observations
        assert step.next
        for state, seed in step.next:
            assert seed not in observations.get(state, {})
            observations.setdefault(state, {})[seed] = value(state, seed)


def noise(state: int, seed: int, *, rho: float = 0.0, run: int = 0) -> float:
    own = np.random.default_rng([run, state, seed]).standard_normal()
    common = np.random.default_rng([run, 999, seed]).standard_normal()
    return float(rho**0.5 * common + (1.0 - rho) ** 0.5 * own)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"contains": np.ones((2, 0), dtype=bool)}, "at least 2 states and 1 candidate"),
        ({"contains": np.ones((4, 3))}, "contains holds float64; needed is bool"),
        ({"contains": np.ones((4, 3), dtype=bool)}, "GOOD, the first state, includes no candidate"),
        ({"prior": np.ones(2)}, "needed is one weight for each of 3 candidates"),
        ({"prior": np.array([1.0, 0.0, 1.0])}, "prior weights are finite numbers above 0"),
        ({"confidence": 0.5}, "confidence is 0.5; allowed is a number above 0.5 and below 1"),
        ({"budget": 0}, "budget is 0; allowed is at least 1 training"),
        ({"margin": -1.0}, "margin is -1.0; allowed is a finite number above 0, or None"),
        ({"seeds": (1, 1)}, r"seeds holds a seed twice: \[1, 1\]"),
    ],
)
def test_a_bad_problem_is_one_clear_line(changed: dict[str, object], message: str) -> None:
    arguments = {"contains": linear(3), "prior": np.ones(3), **changed}
    with pytest.raises(ValueError, match=message):
        BisectionProblem(**arguments)  # type: ignore[arg-type]


def test_a_bad_question_is_one_clear_line() -> None:
    with pytest.raises(ValueError, match="state 4 is none of 0 to 3"):
        next_step(history(3), {4: {0: 1.0}})
    with pytest.raises(ValueError, match="state -1 is none of 0 to 3"):
        next_step(history(3), {}, unavailable=[-1])
    with pytest.raises(ValueError, match="batch is 0; allowed is at least 1 training"):
        next_step(history(3), {}, batch=0)


def test_good_and_bad_are_trained_first_and_seed_by_seed() -> None:
    assert next_step(history(3), {}, batch=9).next == ((0, 0), (3, 0), (0, 1), (3, 1))
    # What a cache knows is not trained again, and the order of the seeds is the problem's.
    seeded = history(3, seeds=(5, 2))
    assert next_step(seeded, {0: {5: 1.0, 7: 1.0, 8: 2.0}}, batch=9).next == ((3, 5), (3, 2))
    step = next_step(seeded, {0: {5: 1.0}, 3: {5: 1.0}}, batch=9)
    assert step.next == ((0, 2), (3, 2))
    assert (step.answer, step.trainings) == (None, 2)
    assert math.isnan(step.noise_sd)


def test_the_likelihood_is_that_of_the_covariance_matrix() -> None:
    """Against the restricted likelihood of n - 1 contrasts, with the whole matrix inverted."""
    observations = {
        0: {0: 0.3, 1: -0.2, 2: 1.1},
        2: {0: -0.9, 2: 0.4},
        3: {1: -1.7},
        5: {0: -0.8, 1: -1.9, 3: 0.1},
    }
    problem = history(5)
    data = search_values(observations)
    assert data.n == 9
    classes = Classes.by(problem.contains, np.full(5, 0.2), np.arange(6))
    regression = regress(classes, data)
    chosen = np.array([[0, 3], [1, 4], [2, 3]])
    found = log_likelihood(regression, chosen)
    none = log_likelihood(regression, np.zeros((1, 0), dtype=np.intp))
    contrasts = np.linalg.svd(np.eye(9) - 1 / 9)[0][:, :8].T
    design = problem.contains[data.states].astype(float)
    same_seed = data.seeds[:, None] == data.seeds[None, :]
    z = contrasts @ data.values

    def reference(rho: float, tau: float, sites: list[int]) -> float:
        covariance = rho * same_seed + (1.0 - rho) * np.eye(9)
        covariance = covariance + tau**2 * design[:, sites] @ design[:, sites].T
        inner = contrasts @ covariance @ contrasts.T
        blur = 9 * data.step_variance
        squares = z @ np.linalg.solve(inner, z) + blur
        return -0.5 * np.linalg.slogdet(inner)[1] - 4.0 * math.log(squares)

    for r, rho in enumerate(CORRELATIONS):
        for t, tau in enumerate(EFFECT_SDS):
            base = reference(float(rho), 1.0, [])
            for h, sites in enumerate(chosen.tolist()):
                expected = reference(float(rho), float(tau), sites) - base
                assert found[r, t, h] - none[r, t, 0] == pytest.approx(expected, abs=1e-8)


def test_equal_columns_are_one_class() -> None:
    signatures = np.array([[0, 0, 1, 0, 1], [1, 1, 1, 1, 0]], dtype=bool)
    assert group(signatures).tolist() == [0, 0, 1, 0, 2]


def test_a_clear_loss_is_named_with_its_effect_and_interval() -> None:
    step, observations = train(
        history(16), lambda state, seed: 80.0 - 4.0 * (state > 11) + noise(state, seed)
    )
    answer = step.answer
    assert isinstance(answer, NamedCommit)
    assert answer.candidates == (11,)
    assert answer.probability >= 0.95
    assert answer.interval[0] < -4.0 < answer.interval[1] < 0.0
    assert answer.interval[0] < answer.effect < answer.interval[1]
    assert step.trainings == sum(map(len, observations.values())) <= 30
    assert step.posterior[11] == pytest.approx(answer.probability)
    assert step.levels[0] == pytest.approx(80.0, abs=1.5)
    assert step.levels[-1] == pytest.approx(76.0, abs=1.5)
    # The states next to the commit have been trained.
    assert {11, 12} <= set(observations)


def test_a_search_that_was_killed_goes_on_where_it_was() -> None:
    problem = history(8)

    def value(state: int, seed: int) -> float:
        return -2.0 * (state > 2) + noise(state, seed, rho=0.5)

    whole, observations = train(problem, value)
    reordered = {
        state: dict(sorted(of.items(), reverse=True))
        for state, of in sorted(observations.items(), reverse=True)
    }
    again = next_step(problem, reordered)
    assert again.answer == whole.answer
    assert again.posterior.tolist() == whole.posterior.tolist()


values = st.floats(-3.0, 3.0).map(lambda value: round(value, 3))
some_observations = st.fixed_dictionaries(
    {
        0: st.dictionaries(st.integers(0, 4), values, min_size=2, max_size=4),
        5: st.dictionaries(st.integers(0, 4), values, min_size=2, max_size=4),
    },
    optional={
        1: st.dictionaries(st.integers(0, 4), values, min_size=1, max_size=3),
        3: st.dictionaries(st.integers(0, 4), values, min_size=1, max_size=3),
    },
)


@settings(max_examples=25, deadline=None)
@given(some_observations, st.sampled_from([0.125, 1.0, 64.0]), st.sampled_from([0.0, -7.0, 90.0]))
def test_units_do_not_matter(observations: Observations, scale: float, shift: float) -> None:
    moved = {
        state: {seed: scale * value + shift for seed, value in of.items()}
        for state, of in observations.items()
    }
    one, other = next_step(history(5), observations), next_step(history(5), moved)
    assert other.posterior == pytest.approx(one.posterior, abs=1e-6)
    assert other.p_no_loss == pytest.approx(one.p_no_loss, abs=1e-6)
    assert other.noise_sd == pytest.approx(scale * one.noise_sd, rel=1e-6)
    assert other.levels == pytest.approx(scale * one.levels + shift, rel=1e-6, abs=1e-6)
    assert np.isfinite(one.posterior).all()
    assert ((one.posterior >= 0.0) & (one.posterior <= 1.0)).all()


@settings(max_examples=25, deadline=None)
@given(some_observations, st.permutations([1, 2, 3, 4]))
def test_the_numbers_of_states_do_not_matter(observations: Observations, order: list[int]) -> None:
    place = dict(zip([0, *order, 5], range(6), strict=True))
    contains = linear(5)[[0, *order, 5]]
    relabelled = BisectionProblem(contains=contains, prior=np.ones(5))
    moved = {place[state]: of for state, of in observations.items()}
    one, other = next_step(history(5), observations), next_step(relabelled, moved)
    assert other.posterior == pytest.approx(one.posterior, abs=1e-8)
    assert other.levels == pytest.approx(one.levels[[0, *order, 5]], abs=1e-8)


@settings(max_examples=15, deadline=None)
@given(some_observations)
def test_a_state_with_the_same_commits_is_no_evidence(observations: Observations) -> None:
    doubled = BisectionProblem(contains=linear(5)[[0, 1, 2, 3, 3, 4, 5]], prior=np.ones(5))
    place = {0: 0, 1: 1, 3: 3, 5: 6}
    moved = {place[state]: of for state, of in observations.items()}
    one, other = next_step(history(5), observations), next_step(doubled, moved)
    assert other.posterior == pytest.approx(one.posterior, abs=1e-8)


def test_one_diverged_seed_names_no_commit() -> None:
    steady: Observations = {
        state: {seed: noise(state, seed) for seed in range(3)} for state in (0, 4, 8)
    }
    for value in (-1e6, math.nan, -math.inf, math.inf):
        once = {**steady, 5: {0: value}}
        step = next_step(history(8), once)
        assert step.answer is None
    # A state that always diverges is another matter.
    often = {**steady, 5: dict.fromkeys(range(4), math.nan), 8: dict.fromkeys(range(4), math.nan)}
    step = next_step(history(8), often)
    assert isinstance(step.answer, NamedCommit)
    assert step.answer.candidates == (4,)


def test_an_odd_seed_in_a_new_state_is_trained_again_before_anything_is_named() -> None:
    observations: Observations = {
        state: {seed: noise(state, seed) for seed in range(4)} for state in (0, 3, 4, 8)
    }
    observations[2] = {0: -40.0}
    step = next_step(history(8), observations)
    assert step.answer is None


def test_commits_that_cannot_be_trained_share_the_answer() -> None:
    step, observations = train(
        history(8), lambda state, seed: -5.0 * (state > 4) + noise(state, seed), unavailable=(4, 5)
    )
    assert isinstance(step.answer, NamedCommit)
    assert step.answer.candidates == (3, 4, 5)
    assert not {4, 5} & set(observations)


@pytest.mark.parametrize(("end", "name"), [(0, "GOOD"), (8, "BAD")])
def test_ends_that_cannot_be_trained_end_the_search(end: int, name: str) -> None:
    step = next_step(history(8), {}, unavailable=(end,))
    assert isinstance(step.answer, CannotTell)
    assert step.answer.reason == f"{name} cannot be trained"
    assert step.next == ()


def test_a_spent_budget_ends_the_search_with_what_is_likely() -> None:
    step, _ = train(history(16, budget=9), lambda state, seed: noise(state, seed) - (state > 7))
    assert isinstance(step.answer, CannotTell)
    assert step.answer.reason == "the budget of 9 trainings is spent"
    assert len(step.answer.likely) > 1
    assert step.trainings == 9
    early, _ = train(history(16, budget=1), noise)
    assert isinstance(early.answer, CannotTell)
    assert early.answer.reason == "the budget of 1 training is spent"


def test_a_batch_is_many_trainings_at_once_and_keeps_to_the_budget() -> None:
    observations: Observations = {
        state: {seed: noise(state, seed) - 2.0 * (state > 7) for seed in range(2)}
        for state in (0, 16)
    }
    four = next_step(history(16), observations, batch=4).next
    assert len(set(four)) == 4
    assert len({state for state, _ in four}) > 1
    assert four[0] == next_step(history(16), observations).next[0]
    assert len(next_step(history(16, budget=6), observations, batch=4).next) == 2


def test_no_prior_names_a_commit_without_trainings_on_both_sides_of_it() -> None:
    prior = np.full(16, 1e-9)
    prior[5] = 1.0
    problem = BisectionProblem(contains=linear(16), prior=prior)
    ends: Observations = {
        0: {seed: noise(0, seed) for seed in range(6)},
        16: {seed: noise(16, seed) - 9.0 for seed in range(6)},
    }
    assert next_step(problem, ends).answer is None
    misled, _ = train(problem, lambda state, seed: noise(state, seed) - 4.0 * (state > 12))
    assert isinstance(misled.answer, NamedCommit)
    assert misled.answer.candidates == (12,)


def test_nothing_worse_is_an_answer_with_what_it_excludes() -> None:
    step, observations = train(
        history(8, margin=3.0), lambda state, seed: 70.0 + noise(state, seed)
    )
    answer = step.answer
    assert isinstance(answer, NoneWorse)
    assert answer.probability >= 0.95
    assert answer.margin == 3.0
    assert 0.0 < answer.excluded_loss <= 3.0
    # BAD alone would not do: commits in between may lose and win.
    assert set(observations) - {0, 8}


def test_the_largest_loss_is_named_and_none_below_the_margin() -> None:
    """GOOD needs a third seed first; a second suspect, which has its seeds, must not end it."""
    levels = (0.0, -0.19, -0.2, -0.2, -0.2)
    for run in range(4):
        for margin in (0.02, None):
            step, _ = train(
                history(4, margin=margin),
                lambda state, seed, run=run: (  # type: ignore[misc]
                    levels[state] + 0.003 * noise(state, seed, run=run)
                ),
            )
            assert isinstance(step.answer, NamedCommit)
            assert step.answer.candidates == (0,)
            assert step.answer.effect < -0.17
            assert 1 not in step.answer.others or margin is None
            assert step.trainings < 20


def test_a_suspect_that_lacks_seeds_gets_them_before_another_is_named() -> None:
    observations: Observations = {
        0: {seed: 0.003 * noise(0, seed) for seed in range(2)},
        1: {seed: 0.003 * noise(1, seed) - 0.19 for seed in range(4)},
        2: {seed: 0.003 * noise(2, seed) - 0.23 for seed in range(4)},
        4: {seed: 0.003 * noise(4, seed) - 0.23 for seed in range(4)},
    }
    step = next_step(history(4), observations)
    assert step.posterior[1] >= 0.95
    assert (step.answer, step.next) == (None, ((0, 2),))
    observations[0][2] = 0.0
    step = next_step(history(4, margin=0.1), observations)
    assert isinstance(step.answer, NamedCommit)
    assert (step.answer.candidates, step.answer.others) == ((0,), ())
    assert step.answer.below_margin == (1,)


def test_a_margin_decides_whether_a_loss_is_named() -> None:
    def answers(loss: float, sd: float) -> list[object]:
        found = []
        for run in range(2):
            step, _ = train(
                history(8, margin=0.02),
                lambda state, seed, run=run: (  # type: ignore[misc]
                    sd * noise(state, seed, rho=0.5, run=run) - loss * (state > 3)
                ),
            )
            found.append(step.answer)
        return found

    for loss, sd in ((0.004, 0.001), (0.01, 0.004)):
        for answer in answers(loss, sd):
            assert isinstance(answer, NoneWorse)
            assert answer.below_margin == (3,)
            assert loss < answer.excluded_loss <= 0.02
    for answer in answers(0.03, 0.01):
        assert isinstance(answer, NamedCommit)
        assert (answer.candidates, answer.below_margin) == ((3,), ())


@pytest.mark.parametrize("spread", [0.0, 1e-5, 0.002])
def test_a_margin_far_beyond_the_noise_is_excluded_with_few_trainings(spread: float) -> None:
    for run in range(3):
        step, observations = train(
            history(16, margin=0.02),
            lambda state, seed, run=run: 1.0 + spread * noise(state, seed, run=run),  # type: ignore[misc]
        )
        assert isinstance(step.answer, NoneWorse)
        assert step.answer.excluded_loss <= 0.02
        assert step.trainings <= 60
        # A loss may be made up for by a gain: BAD alone would not do.
        assert set(observations) - {0, 16}


def test_a_gain_is_no_loss() -> None:
    step, _ = train(
        history(8, margin=3.0), lambda state, seed: noise(state, seed) + 4 * (state > 3)
    )
    assert isinstance(step.answer, NoneWorse)


def test_equal_values_everywhere_end_as_none_worse() -> None:
    step, _ = train(history(4), lambda state, seed: 0.5)
    assert isinstance(step.answer, NoneWorse)


def test_all_seeds_failing_everywhere_is_no_loss() -> None:
    step, _ = train(history(4, budget=80), lambda state, seed: math.nan)
    assert not isinstance(step.answer, NamedCommit)


def test_a_loss_on_a_merged_branch_is_found_in_the_whole_graph() -> None:
    """1 - 2 - 5 (merge) - 6, with 3 - 4 beside 2; candidate i comes with state i + 1."""
    parents = {1: {0}, 2: {1}, 3: {1}, 4: {3}, 5: {2, 4}, 6: {5}}
    contains = np.zeros((7, 6), dtype=bool)
    for state, of in parents.items():
        contains[state] = np.any([contains[parent] for parent in of], axis=0)
        contains[state, state - 1] = True
    problem = BisectionProblem(contains=contains, prior=np.ones(6))
    step, _ = train(
        problem, lambda state, seed: noise(state, seed) - 5.0 * bool(contains[state, 3])
    )
    assert isinstance(step.answer, NamedCommit)
    assert step.answer.candidates == (3,)


def test_a_thousand_commits_are_cheap() -> None:
    problem = history(1000)
    step, observations = train(
        problem, lambda state, seed: noise(state, seed, rho=0.9) - 3.0 * (state > 613)
    )
    assert isinstance(step.answer, NamedCommit)
    assert step.answer.candidates == (613,)
    assert len(observations) < 40


@pytest.mark.parametrize(
    ("candidates", "seeds", "trainings"), [(16, 5, 30), (16, 20, 120), (17, 5, 35), (1, 5, 10)]
)
def test_git_bisect_halves_the_candidates(candidates: int, seeds: int, trainings: int) -> None:
    assert trainings_of_git_bisect(candidates, seeds) == trainings


@pytest.mark.slow
def test_losses_are_found_and_nothing_is_named_without_one() -> None:
    """Right in at least 0.95 of paired searches at 2 SD; of 12 two may miss by chance."""
    found = named = 0
    for run in range(12):
        culprit = int(np.random.default_rng(run).integers(16))
        step, _ = train(
            history(16),
            lambda state, seed, run=run, culprit=culprit: (  # type: ignore[misc]
                noise(state, seed, rho=0.9, run=run) - 2.0 * (state > culprit)
            ),
        )
        found += isinstance(step.answer, NamedCommit) and step.answer.candidates == (culprit,)
        step, _ = train(
            history(16, budget=60),
            lambda state, seed, run=run: noise(state, seed, rho=0.9, run=run),  # type: ignore[misc]
        )
        named += isinstance(step.answer, NamedCommit)
    assert found >= 10
    assert named <= 2
