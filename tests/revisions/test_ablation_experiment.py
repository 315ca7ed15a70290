"""Which seeds are trained in which combinations, and what is made of their numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_mlregress.reporting.ablation.rows import effect_rows
from pytest_mlregress.revisions.ablation.cell_effects import Combinations
from pytest_mlregress.revisions.ablation.design import members_of, plan_design
from pytest_mlregress.revisions.ablation.experiment import Experiment, Outcome
from pytest_mlregress.revisions.ablation.results import MetricEffects
from pytest_mlregress.revisions.base_side import BaseSide
from pytest_mlregress.revisions.cells.cell import Cell
from pytest_mlregress.revisions.cells.suite import SuiteTest
from pytest_mlregress.revisions.cells.trained_seed import SeedRequest, TrainedSeed
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.running.result import RecordedMetric, SeedResult

Score = Callable[[frozenset[str], int], float]
TEST = "tests/test_toy.py::test_toy"


@dataclass
class FakeTrainer:
    """Trains by a formula, and notes what it was asked for."""

    result: Callable[[frozenset[str], int], SeedResult | str]
    asked: list[tuple[str, int]] = field(default_factory=list)

    def train(self, requests: Sequence[SeedRequest]) -> list[TrainedSeed]:
        return [self._one(request) for request in requests]

    def _one(self, request: SeedRequest) -> TrainedSeed:
        self.asked.append((request.cell.name, request.seed))
        members = frozenset(request.cell.name.split("+")) - {"BASE"}
        found = self.result(members, request.seed)
        if isinstance(found, str):
            return TrainedSeed(request, None, found, "trained")
        return TrainedSeed(request, found, None, "trained")


def noise(seed: int, *more: object, sd: float = 0.002) -> float:
    return random.Random(f"{seed} {more}").gauss(0, sd)


def passed(seed: int, value: float, **more: object) -> SeedResult:
    given = {"name": "accuracy", "value": value, "higher_is_better": True, "margin": 0.01}
    return SeedResult(seed=seed, outcome="finished", metrics=(RecordedMetric(**{**given, **more}),))


def failed(seed: int, message: str = "RuntimeError: diverged") -> SeedResult:
    return SeedResult(seed=seed, outcome="failed", message=message)


def by(**effects: float) -> Callable[[frozenset[str], int], SeedResult]:
    """A score to which each change adds something; ``A_B`` is added where both are in."""

    def result(members: frozenset[str], seed: int) -> SeedResult:
        shift = sum(effect for names, effect in effects.items() if set(names.split("_")) <= members)
        common = 0.9 + noise(seed, sd=0.02)
        return passed(seed, common + shift + noise(seed, *sorted(members)))

    return result


def run(
    result: Callable[[frozenset[str], int], SeedResult | str],
    *,
    names: str = "AB",
    seeds: int = 10,
    without: tuple[str, ...] = (),
    metric: str | None = None,
    margin: float | None = None,
    deterministic: bool = False,
) -> tuple[Outcome, FakeTrainer]:
    left_out = [frozenset(cell) for cell in without]
    design = plan_design(list(names), fraction=len(names) > 4, without=left_out)
    combinations = Combinations(
        tuple(names), (*design.cells, *design.left_out), design.resolution is not None
    )
    side = BaseSide(
        label="",
        checkout=Path("/"),
        rootdir=Path("/"),
        candidate_checkout=Path("/"),
        candidate_rootdir=Path("/"),
        commit=None,
        python="python",
    )
    cells = {
        cell: Cell(combinations.cell_name(cell), "", side, combinations.cell_name(cell), None)
        for cell in design.cells
    }
    test = SuiteTest(
        test=TEST,
        file=Path("tests/test_toy.py"),
        tier="default",
        tiers=("default",),
        check_seeds=(0, 1),
        node_ids={seed: f"{TEST}[seed{seed}]" for seed in range(seeds)},
        settings="",
        machine="",
        deterministic=deterministic,
    )
    trainer = FakeTrainer(result)
    experiment = Experiment(
        trainer,  # type: ignore[arg-type]
        cells,
        combinations,
        alpha=0.05,
        margin=margin,
        metric=metric,
        refused=dict.fromkeys(left_out, "left out by --without"),
    )
    return experiment.run([test]), trainer


def judged(outcome: Outcome) -> dict[str, str]:
    (metric,) = outcome.metrics
    assert metric.effects is not None
    return {change.change: change.judgement for change in metric.effects.changes}


def only_metric(outcome: Outcome) -> MetricEffects:
    (metric,) = outcome.metrics
    return metric


def test_all_cells_of_a_seed_come_before_the_next_seed() -> None:
    _, trainer = run(by(B=-0.03), seeds=5)
    assert trainer.asked == [
        (cell, seed) for seed in range(5) for cell in ("BASE", "A", "B", "A+B")
    ]


def test_a_loss_that_another_change_hides() -> None:
    outcome, trainer = run(by(A=0.03, B=-0.025))
    assert judged(outcome) == {"A": "safe", "B": "loses"}
    effects = only_metric(outcome).effects
    assert effects is not None
    assert [(mask.hidden, mask.by) for mask in effects.masks] == [("B", ("A",))]
    # Decided at the first look: the other seeds are not trained.
    assert outcome.decided_after == 5
    assert len(trainer.asked) == 20


def test_a_loss_that_seems_hidden_is_trained_until_that_is_known() -> None:
    def result(members: frozenset[str], seed: int) -> SeedResult:
        helps = not (seed == 2 and members == {"A", "B"})
        shift = 0.17 * ("A" in members and helps) - 0.15 * ("B" in members)
        return passed(seed, 0.6 + shift + noise(seed, *sorted(members), sd=0.004))

    outcome, _ = run(result, seeds=34)
    effects = only_metric(outcome).effects
    assert effects is not None
    assert [(mask.hidden, mask.by) for mask in effects.masks] == [("B", ("A",))]
    assert judged(outcome) == {"A": "safe", "B": "loses"}
    # Both are judged after 8 seeds, of which one shows no gain of the combination over B.
    assert outcome.decided_after == 13


def test_a_loss_of_two_changes_together() -> None:
    outcome, _ = run(by(A_B=-0.04))
    effects = only_metric(outcome).effects
    assert effects is not None
    assert effects.losing == ("A", "B")
    (interaction,) = effects.interactions
    assert interaction.interval[1] < 0


def test_changes_that_do_nothing_are_safe() -> None:
    outcome, _ = run(by(), names="ABC")
    assert judged(outcome) == dict.fromkeys("ABC", "safe")


def test_failed_seeds_count_at_the_bad_end() -> None:
    def result(members: frozenset[str], seed: int) -> SeedResult:
        return failed(seed) if "B" in members else by()(members, seed)

    outcome, _ = run(result)
    assert judged(outcome)["B"] == "loses"
    assert only_metric(outcome).values[frozenset("B")][0] == -math.inf
    assert outcome.notes[0] == (f"B: 5 of 5 seeds of {TEST} failed, seed 0: RuntimeError: diverged")


def test_a_seed_whose_process_dies_is_a_failed_seed_where_others_ran() -> None:
    def result(members: frozenset[str], seed: int) -> SeedResult | str:
        return "its process died" if members == {"A"} and seed == 3 else by()(members, seed)

    outcome, _ = run(result)
    assert only_metric(outcome).values[frozenset("A")][3] == -math.inf
    assert outcome.unavailable == {}


def test_a_cell_that_cannot_run_leaves_what_the_others_show() -> None:
    def result(members: frozenset[str], seed: int) -> SeedResult | str:
        return "SyntaxError" if members == {"A", "B"} else by(B=-0.03)(members, seed)

    outcome, trainer = run(result, seeds=5)
    assert judged(outcome) == {"A": "safe", "B": "loses"}
    assert outcome.unavailable == {frozenset("AB"): "SyntaxError"}
    assert only_metric(outcome).problem == (
        "without A+B (SyntaxError), it is not known: whether A and B act on each other"
    )
    # Tried once, with the first seed.
    assert [asked for asked in trainer.asked if asked[0] == "A+B"] == [("A+B", 0)]


def test_a_change_that_cannot_run_alone_is_measured_beside_the_other() -> None:
    def result(members: frozenset[str], seed: int) -> SeedResult | str:
        return "ImportError" if members == {"A"} else by(A=-0.03)(members, seed)

    outcome, _ = run(result)
    effects = only_metric(outcome).effects
    assert effects is not None
    assert judged(outcome) == {"A": "loses", "B": "safe"}
    first = effects.changes[0]
    assert first.alone is None
    assert first.with_others is not None
    assert first.with_others.kind == "with others"


def test_a_change_that_never_runs_is_unknown() -> None:
    def result(members: frozenset[str], seed: int) -> SeedResult | str:
        return "ImportError" if "A" in members else by()(members, seed)

    outcome, _ = run(result)
    assert judged(outcome) == {"B": "safe"}
    assert only_metric(outcome).problem == (
        "without A (ImportError), A+B (ImportError), it is not known: the effect of A"
    )


def test_a_combination_that_is_left_out_is_not_trained() -> None:
    outcome, trainer = run(by(B=-0.03), without=("AB",))
    assert {cell for cell, _ in trainer.asked} == {"BASE", "A", "B"}
    assert judged(outcome)["B"] == "loses"
    assert only_metric(outcome).problem == (
        "without A+B (left out by --without), it is not known: whether A and B act on each other"
    )


def test_a_base_that_cannot_run_is_an_error() -> None:
    with pytest.raises(CommandError) as caught:
        run(lambda members, seed: "ImportError: toy" if not members else by()(members, seed))
    assert str(caught.value) == (
        f"BASE cannot run {TEST}: ImportError: toy; without it no change can be measured"
    )


def test_a_test_without_metrics_is_judged_by_its_seeds_that_pass() -> None:
    def result(members: frozenset[str], seed: int) -> SeedResult:
        return failed(seed) if "B" in members else SeedResult(seed=seed, outcome="finished")

    outcome, _ = run(result)
    assert only_metric(outcome).metric == "passing"
    assert judged(outcome)["B"] == "loses"


def test_a_deterministic_test_is_compared_exactly_by_one_seed() -> None:
    def result(members: frozenset[str], seed: int) -> SeedResult:
        return passed(seed, 0.9 - 0.02 * ("B" in members) - 0.001 * ("A" in members))

    outcome, trainer = run(result, seeds=1, deterministic=True)
    assert judged(outcome) == {"A": "safe", "B": "loses"}
    assert len(trainer.asked) == 4
    effects = only_metric(outcome).effects
    assert effects is not None
    assert [cell.seeds for cell in effects.cells.values()] == [1, 1, 1, 1]
    # One seed of any other test shows nothing.
    assert judged(run(result, seeds=1)[0]) == {"A": "unclear", "B": "unclear"}


def test_a_metric_by_name() -> None:
    def result(members: frozenset[str], seed: int) -> SeedResult:
        found = by()(members, seed)
        other = RecordedMetric("loss", 1.0 + noise(seed), higher_is_better=False, margin=0.1)
        return SeedResult(seed=seed, outcome="finished", metrics=(*found.metrics, other))

    assert [m.metric for m in run(result)[0].metrics] == ["accuracy", "loss"]
    assert [m.metric for m in run(result, metric="loss")[0].metrics] == ["loss"]
    with pytest.raises(CommandError) as caught:
        run(result, metric="acuracy")
    assert str(caught.value) == (
        f"no seed of {TEST} records a metric acuracy; did you mean accuracy?"
    )


def test_a_metric_that_a_change_computes_otherwise_is_not_compared() -> None:
    def result(members: frozenset[str], seed: int) -> SeedResult:
        return passed(seed, 0.9 + noise(seed, members), version=2 if "A" in members else 1)

    outcome, _ = run(result)
    assert only_metric(outcome).problem == (
        "without A (records version 2 of accuracy, not 1), A+B (records version 2 of accuracy, "
        "not 1), it is not known: the effect of A"
    )


def test_the_margin_of_the_command_goes_before_the_tests() -> None:
    assert judged(run(by(B=-0.02))[0])["B"] == "loses"
    assert judged(run(by(B=-0.02), margin=0.05)[0])["B"] == "safe"


def test_five_changes_need_leave_for_a_fraction() -> None:
    with pytest.raises(CommandError) as caught:
        plan_design(list("ABCDE"), fraction=False, without=())
    assert str(caught.value) == (
        "5 changes take 32 combinations; add --fraction to train 16 of them. Effects of single "
        "changes are free of interactions of two; these interactions cannot be told apart: "
        "A x B = C x E; A x C = B x E; A x E = B x C"
    )
    design = plan_design(list("ABCDE"), fraction=True, without=())
    assert (design.resolution, len(design.cells), design.cells[0]) == (4, 16, frozenset())
    outcome, _ = run(by(D=-0.03), names="ABCDE")
    assert [name for name, found in judged(outcome).items() if found == "loses"] == ["D"]
    effects = only_metric(outcome).effects
    assert effects is not None
    rows = [row.effect for row in effect_rows(only_metric(outcome)) if " x " in row.effect]
    assert rows == [
        *("A x B = C x E", "A x C = B x E", "A x D", "A x E = B x C", "B x D", "C x D", "D x E"),
    ]


def test_designs_that_are_refused() -> None:
    with pytest.raises(CommandError, match="9 changes; at most 8 can be told apart in one run"):
        plan_design(list("ABCDEFGHI"), fraction=True, without=())
    with pytest.raises(CommandError, match="--fraction is for 5 to 8 changes; 2 of them take 4"):
        plan_design(list("AB"), fraction=True, without=())
    with pytest.raises(CommandError, match=r"--without A\+B\+E: that combination"):
        plan_design(list("ABCDE"), fraction=True, without=[frozenset("ABE")])
    with pytest.raises(CommandError) as caught:
        members_of("A+X", ["A", "B"], "--cell")
    assert str(caught.value) == (
        "--cell 'A+X' is no combination of changes: expected two or more of A, B joined by +"
    )
