"""Trains the same seeds in every combination of the changes, and stops once all is certain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_mlregress.margins import MarginLike
from pytest_mlregress.revisions.ablation.cell_effects import (
    Combinations,
    as_one_seed,
    effects_of_cells,
    repeated,
)
from pytest_mlregress.revisions.ablation.change_spec import BASE_NAME
from pytest_mlregress.revisions.ablation.metric_values import MetricValues, metric_values
from pytest_mlregress.revisions.ablation.results import MetricEffects
from pytest_mlregress.revisions.cells.trained_seed import SeedRequest, TrainedSeed
from pytest_mlregress.revisions.command_error import CommandError

if TYPE_CHECKING:
    from pytest_mlregress.revisions.cells.cell import Cell
    from pytest_mlregress.revisions.cells.suite import SuiteTest
    from pytest_mlregress.revisions.cells.trainer import Trainer
    from pytest_mlregress.running.result import SeedResult
    from pytest_mlregress.statistics.factorial_designs import CellKey
    from pytest_mlregress.statistics.factorial_looks import FactorialLook
    from pytest_mlregress.statistics.factorial_results import ChangeEffects, FactorialEffects

__all__ = ["Experiment", "Outcome"]

_LEAST_SEEDS: Final = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the trainings of all tests gave.

    Attributes:
        metrics: by test and metric.
        unavailable: combinations that no test could be trained in, each with the reason.
        decided_after: the largest number of seeds per cell that were needed; None where some test
            used all of them.
        notes: what the user should know, one sentence each.
        reused: number of seeds that an earlier run had trained.
    """

    metrics: tuple[MetricEffects, ...]
    unavailable: Mapping[CellKey, str]
    decided_after: int | None
    notes: tuple[str, ...]
    reused: int


@dataclass(slots=True)
class _Gathered:
    """The seeds of one test so far.

    Attributes:
        test: the test.
        results: by cell and seed.
        unavailable: cells that cannot run it, each with the reason.
        trained: number of seeds per cell.
        looks: those that are left.
        metrics: the effects at the last look.
    """

    test: SuiteTest
    results: dict[CellKey, dict[int, SeedResult]]
    unavailable: dict[CellKey, str] = field(default_factory=dict)
    trained: int = 0
    looks: list[FactorialLook] = field(default_factory=list)
    metrics: tuple[MetricEffects, ...] = ()

    @property
    def decided(self) -> bool:
        return bool(self.metrics) and all(_is_settled(metric) for metric in self.metrics)


class Experiment:
    """The trainings of one ablation.

    Args:
        trainer: trains the seeds.
        cells: the states of the code by the changes in them, the base first.
        combinations: the changes, and which effects the combinations can show.
        alpha: the chance that any change that loses nothing is said to lose.
        margin: the smallest loss that matters; None for what each metric declares.
        metric: the one metric to judge; None for all that the seeds record.
        refused: combinations without a state of the code, each with the reason.
    """

    def __init__(
        self,
        trainer: Trainer,
        cells: Mapping[CellKey, Cell],
        combinations: Combinations,
        *,
        alpha: float,
        margin: MarginLike | None,
        metric: str | None,
        refused: Mapping[CellKey, str],
    ) -> None:
        self._refused = refused
        self._reused = 0
        self._trainer = trainer
        self._cells = cells
        self._combinations = combinations
        self._alpha = alpha
        self._margin = margin
        self._metric = metric

    def run(self, tests: Sequence[SuiteTest]) -> Outcome:
        """Train every test until its judgements are certain, or its seeds are used up.

        Args:
            tests: the tests.

        Returns:
            What they gave.

        Raises:
            CommandError: the base cannot run a test, or no seed recorded the metric.
        """
        gathered = [_Gathered(test, {cell: {} for cell in self._cells}) for test in tests]
        # The first seed shows which cells can run a test at all, and how many metrics share alpha.
        self._train(gathered, dict.fromkeys(range(len(gathered)), 1))
        self._check_base(gathered)
        share = sum(len(self._metrics(g)) for g in gathered)
        for g in gathered:
            g.looks = self._looks(len(g.test.seeds), share)
        while active := [g for g in gathered if g.looks and not g.decided]:
            self._train(active, {i: g.looks[0].seeds for i, g in enumerate(active)})
            for g in active:
                look, *g.looks = g.looks
                g.metrics = tuple(self._effects(g, m, look) for m in self._metrics(g))
        return self._outcome(gathered)

    def _looks(self, seeds: int, share: int) -> list[FactorialLook]:
        from pytest_mlregress.statistics.factorial_looks import FactorialLook, factorial_looks

        if seeds < _LEAST_SEEDS:
            return [FactorialLook(seeds, 0.0, 0.0, last=True)]
        changes = len(self._combinations.names)
        return list(factorial_looks(changes, most_seeds=seeds, alpha=self._alpha / share))

    def _metrics(self, g: _Gathered) -> list[MetricValues]:
        found = metric_values(g.results, only=self._metric)
        if not found:
            raise CommandError(_no_metric(self._metric, g))
        return found

    def _train(self, active: Sequence[_Gathered], ends: Mapping[int, int]) -> None:
        """Train the next seeds, all cells of a seed before the next seed."""
        requests = [
            (g, cell, SeedRequest(self._cells[cell], g.test.test, g.test.seeds[place]))
            for place in range(max(ends.values()))
            for number, g in enumerate(active)
            if g.trained <= place < ends[number]
            for cell in self._cells
            if cell not in g.unavailable
        ]
        trained = self._trainer.train([request for _, _, request in requests])
        for (g, cell, request), seed in zip(requests, trained, strict=True):
            _keep(g, cell, request.seed, seed)
            self._reused += seed.source != "trained"
        for number, g in enumerate(active):
            g.trained = ends[number]

    def _check_base(self, active: Sequence[_Gathered]) -> None:
        for g in active:
            reason = g.unavailable.get(frozenset())
            if reason is not None:
                raise CommandError(
                    f"{BASE_NAME} cannot run {g.test.test}: {reason}; without it no change can be "
                    "measured"
                )

    def _effects(self, g: _Gathered, metric: MetricValues, look: FactorialLook) -> MetricEffects:
        values = {cell: sample for cell, sample in metric.values.items() if sample}
        exact = g.test.deterministic
        effects, problem = effects_of_cells(
            self._combinations,
            repeated(values) if exact else values,
            {**self._refused, **g.unavailable, **metric.differing},
            higher_is_better=metric.higher_is_better,
            margin=metric.margin if self._margin is None else self._margin,
            look=None if exact else look,
            most_seeds=len(g.test.seeds),
        )
        if exact and effects is not None:
            effects = as_one_seed(effects)
        return MetricEffects(
            test=g.test.test,
            tier=g.test.tier,
            metric=metric.metric,
            higher_is_better=metric.higher_is_better,
            values=values,
            effects=effects,
            problem=problem,
        )

    def _outcome(self, gathered: Sequence[_Gathered]) -> Outcome:
        everywhere = {
            cell: gathered[0].unavailable[cell]
            for cell in self._cells
            if all(cell in g.unavailable for g in gathered)
        }
        most = max(gathered, key=lambda g: g.trained)
        stopped = all(g.trained < len(g.test.seeds) for g in gathered)
        return Outcome(
            metrics=tuple(metric for g in gathered for metric in g.metrics),
            unavailable=everywhere,
            decided_after=most.trained if stopped else None,
            notes=tuple(note for g in gathered for note in _failures(g, self._combinations)),
            reused=self._reused,
        )


def _is_settled(metric: MetricEffects) -> bool:
    """Whether every change is judged, and every loss that may be hidden is known to be, or not."""
    found = metric.effects
    if found is None or not found.decided:
        return False
    known = {mask.hidden for mask in found.masks}
    return not any(
        change.change not in known and _may_be_hidden(change, found, metric.higher_is_better)
        for change in found.changes
        if change.judgement == "loses"
    )


def _may_be_hidden(change: ChangeEffects, found: FactorialEffects, higher_is_better: bool) -> bool:
    """Whether some combination seems to have lost less than half of what the change loses alone."""
    if change.alone is None or not change.alone.loss_shown:
        return False
    base = found.cells[frozenset()].mean
    losses = (
        base - cell.mean if higher_is_better else cell.mean - base
        for members, cell in found.cells.items()
        if members > {change.change}
    )
    return any(loss < change.alone.loss / 2 for loss in losses)


def _keep(g: _Gathered, cell: CellKey, seed: int, trained: TrainedSeed) -> None:
    """Keep a result; a process that died where others did not is a failed seed."""
    if trained.result is not None:
        g.results[cell][seed] = trained.result
        return
    reason = trained.unavailable or "it reported nothing"
    if not g.results[cell]:
        g.unavailable[cell] = reason
        return
    g.results[cell][seed] = _crashed(seed, reason)


def _crashed(seed: int, reason: str) -> SeedResult:
    from pytest_mlregress.running.result import SeedResult

    return SeedResult(seed=seed, outcome="lost", message=reason)


def _no_metric(name: str | None, g: _Gathered) -> str:
    from difflib import get_close_matches

    recorded = [found.metric for found in metric_values(g.results, only=None)]
    close = get_close_matches(str(name), recorded, n=1)
    also = f"; did you mean {close[0]}?" if close else f"; it records: {', '.join(recorded)}"
    return f"no seed of {g.test.test} records a metric {name}{also}"


def _failures(g: _Gathered, combinations: Combinations) -> list[str]:
    """A sentence for each cell in which seeds failed, with the first reason."""
    notes = []
    for cell, sample in g.results.items():
        failed = {s: r for s, r in sample.items() if r.outcome not in ("finished", "xfailed")}
        if failed:
            seed, result = min(failed.items())
            lines = result.message.strip().splitlines() or [result.outcome]
            notes.append(
                f"{combinations.cell_name(cell)}: {len(failed)} of {len(sample)} seeds of "
                f"{g.test.test} failed, seed {seed}: {lines[0]}"
            )
    return notes
