"""States whose seeds fail, record no such metric, or cannot differ: what a search says of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from test_bisection_search import MODEL, line, lossy, named, result, search, settings, trees

from pytest_mlregress.reporting.bisection.text import answer_line, remarks, title
from pytest_mlregress.revisions.bisection.commit_range import CommitRange
from pytest_mlregress.revisions.bisection.metric_choice import PASSING
from pytest_mlregress.revisions.bisection.report import BisectionReport, build_report
from pytest_mlregress.revisions.bisection.search import Knowledge
from pytest_mlregress.revisions.bisection.state_seed import StateSeed
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.statistics.bisection_problem import CannotTell, NoneWorse

Outcome = Mapping[str, float] | str


@dataclass
class Trainer:
    """Trains by a function of state and seed that gives metrics, or the message of a failure."""

    outcome: Callable[[str, int], Outcome]
    asked: list[tuple[str, int]] = field(default_factory=list)

    def train(self, requests: Sequence[tuple[str, int]]) -> list[StateSeed]:
        self.asked += requests
        return [self._seed(state, seed) for state, seed in requests]

    def _seed(self, state: str, seed: int) -> StateSeed:
        outcome = self.outcome(state, seed)
        if isinstance(outcome, str):
            return StateSeed(state, seed, SeedResult(seed, "failed", message=outcome), MODEL)
        return StateSeed(state, seed, result(seed, **outcome), MODEL)


def report_of(known: Knowledge) -> BisectionReport:
    history = known.history
    between = CommitRange(history.candidates[0], history.candidates[-1], history.candidates)
    return build_report(
        known,
        between,
        test="t.py::test",
        tier="default",
        commits=len(history.candidates),
        confidence=0.95,
        sources=known.sources,
    )


def run(
    outcome: Callable[[str, int], Outcome], count: int = 6, **how: object
) -> tuple[Knowledge, Trainer]:
    history = line(count)
    trainer = Trainer(outcome)
    return search(history, trees(history), trainer, settings(**how)), trainer


def test_a_state_at_which_all_seeds_fail_is_skipped_and_the_lasting_loss_named() -> None:
    value = lossy(line(8), "c6", 4.0)

    def outcome(state: str, seed: int) -> Outcome:
        return "boom" if state == "c4" else {"accuracy": value(state, seed)}

    known, trainer = run(outcome, 8)
    assert named(known) == ["c6"]
    assert len([state for state, _ in trainer.asked if state == "c4"]) == 3
    report = report_of(known)
    assert report.effect == pytest.approx(-4.0, abs=1.5)
    assert "skipped c4: all 3 seeds fail (boom)" in list(remarks(report))
    assert report.trainings == len(trainer.asked)


def test_a_seed_that_fails_where_others_run_does_not_skip_its_state() -> None:
    value = lossy(line(6), "c4", 4.0)

    def outcome(state: str, seed: int) -> Outcome:
        return "boom" if seed == 0 and state == "c4" else {"accuracy": value(state, seed)}

    known, _ = run(outcome)
    assert named(known) == ["c4"]
    assert known.unavailable == {}
    assert report_of(known).effect == pytest.approx(-4.0, abs=1.5)


def test_an_effect_is_never_that_of_seeds_that_failed() -> None:
    value = lossy(line(6), "c4", 0.0)

    def outcome(state: str, seed: int) -> Outcome:
        broken = state in ("c4", "c5", "c6") and seed % 3
        return "boom" if broken else {"accuracy": value(state, seed)}

    known, _ = run(outcome)
    assert named(known) == ["c4"]
    report = report_of(known)
    assert (report.effect, report.interval) == (None, None)
    assert answer_line(report).startswith(
        "c4 loses accuracy: seeds fail or give no number from it on (probability "
    )
    assert all(abs(row.effect or 0.0) < 1.5 for row in report.rows)


@pytest.mark.parametrize("broken", ["boom", {"accuracy": math.nan}])
def test_where_the_bad_end_fails_the_commit_from_which_it_fails_is_searched(
    broken: Outcome,
) -> None:
    value = lossy(line(6), "c2", 3.0)

    def outcome(state: str, seed: int) -> Outcome:
        return broken if state in ("c4", "c5", "c6") else {"accuracy": value(state, seed)}

    known, _ = run(outcome)
    assert known.metric.name == PASSING
    assert named(known) == ["c4"]
    assert answer_line(report_of(known)).startswith("c4 makes seeds fail (probability ")
    said = "all 3 seeds fail (boom)" if broken == "boom" else "none of 3 seeds gives a finite"
    assert said in title(report_of(known))
    assert "at the bad end c6: the search is for the commit from which it fails" in title(
        report_of(known)
    )


def test_a_good_end_that_fails_is_refused() -> None:
    with pytest.raises(CommandError) as caught:
        run(lambda state, seed: "boom" if state == "good" else {"accuracy": 1.0})
    assert str(caught.value) == (
        "nothing can be lost from the good end good: all 3 seeds fail (boom); name a commit as "
        "GOOD whose seeds run"
    )


@pytest.mark.parametrize(
    ("recording", "text"),
    [
        (
            ("c3", "c4", "c5", "c6"),
            "the good end good does not record the metric cost (it records: accuracy), so that no "
            "loss can be measured; the first commit that records it is c3: name that one as GOOD",
        ),
        (
            ("good", "c1", "c2"),
            "the bad end c6 does not record the metric cost (it records: accuracy), so that no "
            "loss can be measured; the last commit that records it is c2: name that one as BAD",
        ),
        (
            ("c6",),
            "the good end good does not record the metric cost (it records: accuracy), so that no "
            "loss can be measured; no other commit than the other end is found to record it",
        ),
    ],
)
def test_a_metric_of_one_end_alone_is_refused_with_the_commit_to_go_on_from(
    recording: Sequence[str], text: str
) -> None:
    def outcome(state: str, seed: int) -> Outcome:
        return {"accuracy": 1.0, **({"cost": 1.0} if state in recording else {})}

    with pytest.raises(CommandError) as caught:
        run(outcome, metric="cost")
    assert str(caught.value) == text


def test_a_state_that_does_not_record_the_metric_is_skipped_after_one_seed() -> None:
    value = lossy(line(8), "c6", 4.0)

    def outcome(state: str, seed: int) -> Outcome:
        return {"other" if state == "c4" else "accuracy": value(state, seed)}

    known, trainer = run(outcome, 8)
    assert known.metric.name == "accuracy"
    assert named(known) == ["c6"]
    assert [state for state, _ in trainer.asked].count("c4") == 1
    assert known.unavailable[4] == "it does not record accuracy"


def test_a_metric_that_only_one_end_records_is_not_chosen() -> None:
    value = lossy(line(6), "c3", 4.0)

    def outcome(state: str, seed: int) -> Outcome:
        own = {"accuracy": value(state, seed)}
        return {**own, "old": 1.0} if state == "good" else own

    known, _ = run(outcome)
    assert known.metric.name == "accuracy"
    assert named(known) == ["c3"]
    with pytest.raises(CommandError, match=r"no metric is recorded at both ends \(good: a; bad: b"):
        run(lambda state, seed: {"a" if state == "good" else "b": 1.0})


def test_failed_trainings_count_in_the_budget() -> None:
    value = lossy(line(8), "c6", 1.0)

    def outcome(state: str, seed: int) -> Outcome:
        return "boom" if state in ("c3", "c4", "c5") else {"accuracy": value(state, seed)}

    known, trainer = run(outcome, 8, budget=14)
    assert known.step is not None
    assert isinstance(known.step.answer, CannotTell)
    assert known.step.answer.reason == "the budget of 14 trainings is spent"
    assert len(trainer.asked) == 14


@pytest.mark.parametrize(("culprit", "loss"), [("c1", 0.3), ("c5", 1e-3), ("c12", 0.05)])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_deterministic_test_takes_one_training_a_state(
    culprit: str, loss: float, batch: int
) -> None:
    places = {state: place for place, state in enumerate(line(12).states)}

    def outcome(state: str, seed: int) -> Outcome:
        return {"accuracy": 0.9 - loss * (places[state] >= places[culprit])}

    known, trainer = run(outcome, 12, seeds=(7,), deterministic=True, batch=batch)
    assert named(known) == [culprit]
    assert len(trainer.asked) == len(set(trainer.asked)) <= 6
    assert report_of(known).effect == pytest.approx(-loss, rel=0.05)


def test_a_deterministic_test_without_a_loss_and_with_states_that_fail() -> None:
    known, trainer = run(lambda state, seed: {"accuracy": 0.9}, seeds=(7,), deterministic=True)
    assert known.step is not None
    assert isinstance(known.step.answer, NoneWorse)
    assert trainer.asked[:2] == [("good", 7), ("c6", 7)]
    places = {state: place for place, state in enumerate(line(6).states)}

    def outcome(state: str, seed: int) -> Outcome:
        return "boom" if state == "c3" else {"accuracy": 0.9 - 0.1 * (places[state] >= 5)}

    known, trainer = run(outcome, seeds=(7,), deterministic=True)
    assert named(known) == ["c5"]
