"""Two files judged as a test is judged against its baseline."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline, Provenance
from pytest_mlregress.comparing.samples import ChosenMetric
from pytest_mlregress.comparing.table import Table, TableError
from pytest_mlregress.margins import MarginLike
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.verdicts.group import GroupPlan, SeedGroup
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.live_pairs import judge_live_pairs
from pytest_mlregress.verdicts.metric_samples import margin_changes
from pytest_mlregress.verdicts.policy import Rules, Test
from pytest_mlregress.verdicts.verdict import Verdict

_SEED: Final = re.compile(r"\bseed(?=s?\b)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonSettings:
    """How two files are compared.

    Attributes:
        alpha: chance that files of one distribution show any false red.
        margins: by metric, the smallest loss that matters; ``auto`` for those that are not in it.
        test: the test that judges.
        paired: whether values of the same unit are pairs.
        strict: whether yellow verdicts and `minor` fail.
    """

    alpha: float = 0.05
    margins: Mapping[str, MarginLike]
    test: Test = "robust-t"
    paired: bool = False
    strict: bool = False


def compared(
    before: Table, after: Table, metrics: Sequence[ChosenMetric], settings: ComparisonSettings
) -> Verdict:
    """The verdict on the second file.

    Args:
        before: the first file, which takes the place of the baseline.
        after: the second.
        metrics: what is compared.
        settings: how.

    Returns:
        The verdict; its test is the second file.

    Raises:
        TableError: pairs were asked for, and the files do not hold the same units.
    """
    numbers = _numbered(metrics)
    rules = Rules(
        alpha=settings.alpha / len(metrics),
        comparisons=len(metrics),
        test=settings.test,
        pairing="never",
        early=False,
        strict=settings.strict,
        curves="off",
    )
    group = _group(after, _results(metrics, settings, numbers, after=True))
    if settings.paired:
        _refuse_unpaired(before, after, metrics)
        base = _group(after, _results(metrics, settings, numbers, after=False))
        provenance = Provenance(plugin="", time="", seeds=base.plan.planned)
        label = replace(rules, alpha=settings.alpha, base_label=before.name)
        verdict = judge_live_pairs(group, base, provenance, label)
        assert verdict is not None  # every seed is there
        return _of_files(verdict, after.unit)
    artifact = _artifact(metrics, numbers)
    verdict = judge(group, artifact, rules)
    assert verdict is not None
    # A file declares no margin, so that none has changed.
    unsaid = margin_changes(group.reported, artifact)
    notes = tuple(note for note in verdict.notes if note not in unsaid)
    return _of_files(replace(verdict, notes=notes), after.unit)


def _of_files(verdict: Verdict, unit: str) -> Verdict:
    """What is said of values in files: nothing was planned or trained here."""
    return replace(
        verdict,
        unit=unit,
        metrics=tuple(
            replace(
                metric,
                unit=unit,
                reasons=_of_units(metric.reasons, unit),
                notes=_of_units(metric.notes, unit),
            )
            for metric in verdict.metrics
        ),
        reasons=_of_units(verdict.reasons, unit),
        notes=_of_units(verdict.notes, unit),
        planned=(),
        selected=(),
        next_steps=(),
    )


def _of_units(texts: Sequence[str], unit: str) -> tuple[str, ...]:
    """Texts on seeds as texts on what the files have values of."""
    return tuple(_SEED.sub(unit, text) for text in texts)


def _numbered(metrics: Sequence[ChosenMetric]) -> dict[object, int]:
    """Units as seeds: whole numbers as they are, other names by their order."""
    units = {unit for metric in metrics for side in (metric.before, metric.after) for unit in side}
    if all(isinstance(unit, int) for unit in units):
        return {unit: unit for unit in units if isinstance(unit, int)}
    return {unit: number for number, unit in enumerate(sorted(units, key=str))}


def _refuse_unpaired(before: Table, after: Table, metrics: Sequence[ChosenMetric]) -> None:
    for metric in metrics:
        only = [
            (table, unit)
            for table, mine, theirs in (
                (before, metric.before, metric.after),
                (after, metric.after, metric.before),
            )
            for unit in mine
            if unit not in theirs
        ]
        if only:
            table, unit = only[0]
            raise TableError(
                f"--paired: {len(only)} of the values of {metric.name!r} have no partner, the "
                f"first is {table.unit} {unit!r} of {table.name}; leave --paired out, or give the "
                f"same {table.unit}s on both sides"
            )


def _results(
    metrics: Sequence[ChosenMetric],
    settings: ComparisonSettings,
    numbers: Mapping[object, int],
    *,
    after: bool,
) -> list[SeedResult]:
    by_unit: dict[object, list[RecordedMetric]] = {}
    for metric in metrics:
        for unit, value in (metric.after if after else metric.before).items():
            recorded = RecordedMetric(
                metric.name,
                value,
                metric.higher_is_better,
                margin=settings.margins.get(metric.name, "auto"),
            )
            by_unit.setdefault(unit, []).append(recorded)
    return [
        SeedResult(numbers[unit], "finished", tuple(recorded))
        for unit, recorded in sorted(by_unit.items(), key=lambda entry: numbers[entry[0]])
    ]


def _group(table: Table, results: Sequence[SeedResult]) -> SeedGroup:
    seeds = tuple(result.seed for result in results)
    name = Path(table.name).name
    plan = GroupPlan(
        test=name,
        file=Path(name),
        location=(name, None, name),
        planned=seeds,
        selected=seeds,
        tier="default",
        settings={},
        check_seeds=len(seeds),
    )
    return SeedGroup(plan, results={result.seed: result for result in results})


def _artifact(metrics: Sequence[ChosenMetric], numbers: Mapping[object, int]) -> Artifact:
    return Artifact(
        test="",
        tier="default",
        metrics={
            metric.name: MetricBaseline(
                higher_is_better=metric.higher_is_better,
                values={numbers[unit]: value for unit, value in metric.before.items()},
            )
            for metric in metrics
        },
        provenance=Provenance(plugin="", time=""),
    )
