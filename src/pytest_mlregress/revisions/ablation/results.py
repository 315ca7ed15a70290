"""What an ablation found, as plain values for every report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_mlregress.revisions.ablation.cell_commits import cell_name
from pytest_mlregress.revisions.ablation.change import Change

if TYPE_CHECKING:
    from pytest_mlregress.statistics.factorial_designs import CellKey
    from pytest_mlregress.statistics.factorial_results import FactorialEffects

__all__ = ["Ablation", "CellOutcome", "MetricEffects"]


@dataclass(frozen=True, slots=True)
class CellOutcome:
    """One combination of the changes, and whether it could be trained.

    Attributes:
        changes: the names of the changes that are in it.
        name: ``BASE``, ``A`` or ``A+B``.
        commit: the commit that was checked out; empty where the combination was left out.
        unavailable: why nothing was trained there; empty where it was.
    """

    changes: CellKey
    name: str
    commit: str
    unavailable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricEffects:
    """One metric of one test.

    Attributes:
        test: the node id without the seed.
        tier: the tier that ran.
        metric: the name of the metric; ``passing`` for a test that records none.
        higher_is_better: its direction.
        values: by cell and seed, in metric units; infinite at the bad end for a seed that failed.
        effects: the effects; None where no comparison is possible.
        problem: why there are no effects, or what they leave out, as a sentence; else empty.
    """

    test: str
    tier: str
    metric: str
    higher_is_better: bool
    values: Mapping[CellKey, Mapping[int, float]]
    effects: FactorialEffects | None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """The answer of one command.

    Attributes:
        base: how the user named the base.
        base_commit: its commit.
        changes: the changes, in the order of the command line.
        cells: the combinations, the base first.
        resolution: that of a fractional design; None where all combinations are planned.
        metrics: by test and metric.
        seeds: the seeds that were planned.
        trained: number of seeds that were trained now.
        reused: number of seeds that an earlier run had trained.
        decided_after: number of seeds per cell after which every judgement was certain; None where
            all planned seeds were trained.
        notes: what the user should know, one sentence each.
    """

    base: str
    base_commit: str
    changes: tuple[Change, ...]
    cells: tuple[CellOutcome, ...]
    resolution: int | None
    metrics: tuple[MetricEffects, ...]
    seeds: tuple[int, ...]
    trained: int
    reused: int
    decided_after: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the changes, in order."""
        return tuple(change.name for change in self.changes)

    @property
    def losing(self) -> tuple[str, ...]:
        """The changes that lose in some metric, alone or in a combination, in order."""
        losing = {
            name
            for metric in self.metrics
            if metric.effects is not None
            for name in metric.effects.losing
        }
        return tuple(name for name in self.names if name in losing)

    @property
    def unclear(self) -> tuple[str, ...]:
        """The changes that do not lose, and of which some loss is not excluded, in order."""
        unclear: set[str] = set()
        for metric in self.metrics:
            if metric.effects is None:
                unclear.update(self.names)
                continue
            judged = {found.change: found.judgement for found in metric.effects.changes}
            unclear.update(name for name in self.names if judged.get(name) != "safe")
        return tuple(name for name in self.names if name in unclear and name not in self.losing)

    def cell_name(self, changes: CellKey) -> str:
        """What a combination is called.

        Args:
            changes: the names of the changes in it.

        Returns:
            ``BASE``, or their names joined by ``+``.
        """
        return cell_name(self.names, changes)
