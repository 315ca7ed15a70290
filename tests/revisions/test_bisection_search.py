"""The search as a function of what was trained, with trainings that take no time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import pairwise
from random import Random

import pytest
from rich.console import Console

from pytest_mlregress.cli.posterior_view import PosteriorView
from pytest_mlregress.revisions.bisection.candidate_weights import changes_by_candidate
from pytest_mlregress.revisions.bisection.commit_range import Commit
from pytest_mlregress.revisions.bisection.evidence import Evidence
from pytest_mlregress.revisions.bisection.history import History
from pytest_mlregress.revisions.bisection.metric_choice import (
    PASSING,
    SearchedMetric,
    choose_metric,
)
from pytest_mlregress.revisions.bisection.search import Knowledge, run_search
from pytest_mlregress.revisions.bisection.search_settings import SearchSettings
from pytest_mlregress.revisions.bisection.state_seed import StateSeed
from pytest_mlregress.revisions.bisection.tree_changes import TreeChanges
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.running.reads import Reads
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.statistics.bisection_problem import CannotTell, NamedCommit, NoneWorse

MODEL = Reads(files={"model.py": "1"})


def line(count: int) -> History:
    """``good`` and ``count`` commits after it."""
    names = ["good", *(f"c{number}" for number in range(1, count + 1))]
    commits = tuple(
        Commit(name, (before,), "A", "2026-01-01", f"Commit {name}")
        for before, name in pairwise(names)
    )
    return History(
        candidates=commits,
        states=tuple(names),
        contains=tuple(frozenset(range(length)) for length in range(count + 1)),
        brought=((),) * count,
    )


def trees(history: History, docs: Sequence[str] = ()) -> TreeChanges:
    """Each commit changes ``model.py``, those of ``docs`` the docs alone."""
    blobs: dict[str, Mapping[str, str | None]] = {"good": {}}
    model, docs_blob = "good", "good"
    for commit in history.candidates:
        model, docs_blob = (model, commit.name) if commit.name in docs else (commit.name, docs_blob)
        blobs[commit.name] = {"model.py": model, "docs.md": docs_blob}
    return TreeChanges(blobs, {"model.py": "good", "docs.md": "good"})


@dataclass
class FakeTrainer:
    """Trains by a function of state and seed, and keeps what it was asked for."""

    outcome: Callable[[str, int], float | str]
    asked: list[tuple[str, int]] = field(default_factory=list)
    reads: Reads | None = MODEL

    def train(self, requests: Sequence[tuple[str, int]]) -> list[StateSeed]:
        self.asked += requests
        return [self.seed(state, seed) for state, seed in requests]

    def seed(self, state: str, seed: int) -> StateSeed:
        outcome = self.outcome(state, seed)
        if outcome == "raises":
            return StateSeed(state, seed, SeedResult(seed, "failed", message="boom"), self.reads)
        if isinstance(outcome, str):
            return StateSeed(state, seed, None, unavailable=outcome)
        return StateSeed(state, seed, result(seed, accuracy=outcome), self.reads)


def result(seed: int, **values: float) -> SeedResult:
    metrics = tuple(RecordedMetric(name, value, name != "loss") for name, value in values.items())
    return SeedResult(seed, "finished", metrics)


def lossy(history: History, culprit: str, loss: float) -> Callable[[str, int], float]:
    """A loss from one commit on, in standard deviations of the noise."""
    places = {state: place for place, state in enumerate(history.states)}

    def value(state: str, seed: int) -> float:
        noise = 0.8 * Random(seed).gauss(0, 1) + 0.6 * Random(f"{state} {seed}").gauss(0, 1)
        return 10 + noise - loss * (places[state] >= places[culprit])

    return value


def settings(**changes: object) -> SearchSettings:
    values: dict[str, object] = {
        "metric": None,
        "confidence": 0.95,
        "budget": 120,
        "batch": 1,
        "seeds": tuple(range(60)),
    }
    return SearchSettings(**{**values, **changes})  # type: ignore[arg-type]


def search(
    history: History, changed: TreeChanges, trainer: FakeTrainer, how: SearchSettings
) -> Knowledge:
    changes = changes_by_candidate(history, changed)
    return run_search(history, changed, changes, trainer, how)


def named(known: Knowledge) -> list[str]:
    assert known.step is not None
    answer = known.step.answer
    assert isinstance(answer, NamedCommit)
    return [known.history.candidates[known.kept[place]].name for place in answer.candidates]


@pytest.mark.parametrize("batch", [1, 2])
def test_the_commit_that_lost_is_named_and_equal_states_train_once(batch: int) -> None:
    history = line(8)
    trainer = FakeTrainer(lossy(history, "c5", 3.0))
    known = search(history, trees(history, docs=["c2", "c6"]), trainer, settings(batch=batch))
    assert named(known) == ["c5"]
    assert len(trainer.asked) == len(set(trainer.asked)) == known.trainings
    trained = {state for state, _ in trainer.asked}
    assert not {"c1", "c2"} <= trained  # the same results, bit for bit
    assert not {"c5", "c6"} <= trained
    assert [weight.weight for weight in known.weights] == [1, 0.02, 1, 1, 1, 0.02, 1, 1]


def test_a_resumed_search_asks_for_the_same_trainings() -> None:
    history = line(6)
    first, second = (FakeTrainer(lossy(history, "c4", 3.0)) for _ in range(2))
    one = search(history, trees(history), first, settings())
    other = search(history, trees(history), second, settings())
    assert first.asked == second.asked
    assert named(one) == named(other) == ["c4"]


def test_states_that_cannot_run_are_skipped_and_leave_commits_together() -> None:
    history = line(6)
    good = lossy(history, "c4", 4.0)
    broken = {"c3", "c4"}
    trainer = FakeTrainer(lambda state, seed: "no" if state in broken else good(state, seed))
    known = search(history, trees(history), trainer, settings())
    assert sorted(named(known)) == ["c3", "c4", "c5"]
    assert set(known.unavailable.values()) <= {"no"}
    asked = [state for state, _ in trainer.asked if state in broken]
    assert len(asked) == len(set(asked))  # none is tried twice


def test_a_commit_that_makes_seeds_raise_is_named() -> None:
    history = line(6)
    good = lossy(history, "c4", 0.0)
    trainer = FakeTrainer(
        lambda state, seed: "raises" if state in ("c4", "c5", "c6") else good(state, seed)
    )
    assert named(search(history, trees(history), trainer, settings())) == ["c4"]


def test_a_test_without_metrics_is_searched_for_seeds_that_fail() -> None:
    history = line(6)

    class Passing(FakeTrainer):
        def seed(self, state: str, seed: int) -> StateSeed:
            outcome = "failed" if state in ("c4", "c5", "c6") else "finished"
            return StateSeed(state, seed, SeedResult(seed, outcome), MODEL)  # type: ignore[arg-type]

    known = search(history, trees(history), Passing(lambda *_: 0.0), settings())
    assert known.metric.name == PASSING
    assert named(known) == ["c4"]


def test_nothing_that_is_read_has_changed() -> None:
    history = line(3)
    trainer = FakeTrainer(lossy(history, "c1", 0.0))
    known = search(history, trees(history, docs=["c1", "c2", "c3"]), trainer, settings())
    assert known.answered
    assert known.step is None
    assert known.equal == (0, 0, 0, 0)
    assert trainer.asked == [("good", 0), ("c3", 0)]


def test_no_commit_is_worse() -> None:
    history = line(6)
    known = search(
        history, trees(history), FakeTrainer(lossy(history, "c4", 0.0)), settings(budget=200)
    )
    assert known.step is not None
    assert isinstance(known.step.answer, NoneWorse)


def test_a_spent_budget_is_said_and_a_larger_one_goes_on() -> None:
    history = line(12)
    short = search(
        history, trees(history), FakeTrainer(lossy(history, "c4", 1.0)), settings(budget=8)
    )
    assert short.step is not None
    assert isinstance(short.step.answer, CannotTell)
    assert short.trainings == 8


def test_a_test_with_few_seeds_ends_when_they_are_trained() -> None:
    history = line(2)
    trainer = FakeTrainer(lossy(history, "c1", 0.6))
    known = search(history, trees(history), trainer, settings(seeds=(3, 7), confidence=0.9999))
    assert {seed for _, seed in trainer.asked} <= {3, 7}
    assert known.step is not None
    assert isinstance(known.step.answer, CannotTell)
    assert known.step.answer.reason == ("the test has 2 seeds, and all that tell more are trained")
    assert known.step.answer.likely


@pytest.mark.parametrize(("end", "name"), [("good", "good"), ("bad", "c4")])
def test_an_end_that_cannot_run_is_an_error(end: str, name: str) -> None:
    history = line(4)
    good = lossy(history, "c2", 0.0)
    trainer = FakeTrainer(lambda state, seed: "no torch" if state == name else good(state, seed))
    with pytest.raises(CommandError) as caught:
        search(history, trees(history), trainer, settings())
    assert str(caught.value) == (
        f"the {end} end {name} cannot be run: no torch; name another commit"
    )


def seeds_of(state: str, *values: Mapping[str, float]) -> list[StateSeed]:
    return [StateSeed(state, seed, result(seed, **own)) for seed, own in enumerate(values)]


def test_among_several_metrics_the_one_with_the_largest_loss_is_searched() -> None:
    good = seeds_of("g", {"accuracy": 0.9, "loss": 1.0}, {"accuracy": 0.8, "loss": 1.1})
    bad = seeds_of("b", {"accuracy": 0.89, "loss": 2.0}, {"accuracy": 0.8, "loss": 2.2})
    found = choose_metric(good, bad, None)
    assert (found.name, found.higher_is_better) == ("loss", False)
    assert found.why == "the largest loss of 2 metrics in the first seeds"
    assert choose_metric(good, bad, "accuracy").why == ""
    assert choose_metric(good, good, None).why == (
        "the closest to a loss of 2 metrics in the first seeds"
    )


def test_an_unknown_metric_is_refused_with_those_that_there_are() -> None:
    seeds = seeds_of("g", {"accuracy": 0.9, "loss": 1.0})
    with pytest.raises(CommandError) as caught:
        choose_metric(seeds, seeds, "acuracy")
    assert str(caught.value) == (
        "no seed at either end recorded the metric acuracy; the test records: accuracy"
    )
    with pytest.raises(CommandError, match="nor any other; without --metric the search is for"):
        choose_metric([], [], "accuracy")


@pytest.mark.parametrize(
    ("margin", "expected"), [(0.02, 0.02), ("1%", 0.009), ("1sd", None), ("auto", None)]
)
def test_a_declared_margin_counts(margin: float | str, expected: float | None) -> None:
    metric = RecordedMetric("accuracy", 0.9, True, margin=margin)  # type: ignore[arg-type]
    seeds = [StateSeed("g", 0, SeedResult(0, "finished", (metric,)))]
    found = choose_metric(seeds, seeds, None).margin
    assert found == (None if expected is None else pytest.approx(expected))


def test_lower_is_better_is_turned_and_nan_lies_at_the_bad_end() -> None:
    metric = SearchedMetric("loss", higher_is_better=False, margin=None)
    assert metric.value(result(0, loss=2.0)) == -2.0
    assert metric.value(result(0, loss=float("nan"))) == float("-inf")
    assert metric.value(result(0, accuracy=1.0)) == float("-inf")
    assert metric.value(SeedResult(0, "failed", result(0, loss=1.0).metrics)) == float("-inf")


def test_a_seed_that_dies_where_others_run_counts_as_failed() -> None:
    evidence = Evidence()
    evidence.add(seeds_of("g", {"accuracy": 0.9}))
    evidence.add([StateSeed("g", 1, None, unavailable="killed by SIGSEGV")])
    metric = SearchedMetric("accuracy", higher_is_better=True, margin=None)
    assert evidence.unavailable == {}
    assert evidence.observations(metric, ["g"], [0]) == {0: {0: 0.9, 1: float("-inf")}}


def test_the_live_view_has_a_bar_per_commit_and_one_for_none() -> None:
    history = line(12)
    view = PosteriorView()
    changed = trees(history)
    run_search(
        history,
        changed,
        changes_by_candidate(history, changed),
        FakeTrainer(lossy(history, "c4", 4.0)),
        settings(),
        view.update,
    )
    console = Console(width=80, file=StringIO(), force_terminal=False)
    console.print(view.bars())
    printed = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(printed) == 11  # the ten most probable of twelve
    first, *_, last = printed
    assert "Commit c4" in first
    assert first.count("█") >= 23
    assert "no commit lost" in last
    assert re.match(r"lost: c4 (> )?\.9\d, c\d+ \.\d\d, c\d+ \.\d\d; none: \.\d\d$", view.summary())
