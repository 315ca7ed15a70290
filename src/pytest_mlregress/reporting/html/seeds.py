"""The table of seeds: what each did, recorded and took, on both sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.reporting.html.figures import short_name, typeset
from pytest_mlregress.reporting.number_format import numbers, seconds
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.running.seed_outcome import WITHOUT_SUCCESS
from pytest_mlregress.verdicts.verdict import Verdict

__all__ = ["SeedRow", "seed_rows"]


@dataclass(frozen=True, slots=True)
class SeedRow:
    """One seed.

    Attributes:
        seed: the seed.
        outcome: how it ended; ``recorded`` in a baseline.
        bad: whether it failed.
        values: its metrics, in the order of the headings; empty where it recorded none.
        seconds: what it took; empty if unknown.
        memory: its peak of resident memory, and that of a GPU.
        cached: whether it was taken from the cache.
    """

    seed: int
    outcome: str
    bad: bool
    values: tuple[str, ...]
    seconds: str
    memory: str
    cached: bool


def seed_rows(verdict: Verdict, artifact: Artifact | None) -> Mapping[str, Any]:
    """Both sides' seeds.

    Args:
        verdict: the test.
        artifact: its baseline; None in an A/B run and without one.

    Returns:
        ``names`` of the metrics, the rows ``now`` and ``before``.
    """
    names = [metric.name for metric in verdict.metrics]
    before = (
        _of_results(verdict.base_seeds, names)
        if verdict.base_seeds
        else _of_baseline(artifact, names)
    )
    return {
        "names": [short_name(name) for name in names],
        "now": _of_results(verdict.seeds, names),
        "before": before,
    }


def _of_results(results: Sequence[SeedResult], names: Sequence[str]) -> list[SeedRow]:
    values = {
        name: {result.seed: metric.value for result in results if (metric := result.metric(name))}
        for name in names
    }
    cells = _cells(values)
    return [
        SeedRow(
            seed=result.seed,
            outcome=result.outcome,
            bad=result.outcome in WITHOUT_SUCCESS,
            values=tuple(cells[name].get(result.seed, "") for name in names),
            seconds=seconds(result.duration) if result.duration else "",
            memory=_memory(result.peak_memory, result.peak_gpu_memory),
            cached=result.cached,
        )
        for result in sorted(results, key=lambda result: result.seed)
    ]


def _of_baseline(artifact: Artifact | None, names: Sequence[str]) -> list[SeedRow]:
    if artifact is None:
        return []
    values = {
        name: artifact.metrics[name].values if name in artifact.metrics else {} for name in names
    }
    cells = _cells(values)
    rows = []
    for seed in sorted({seed for sample in values.values() for seed in sample}):
        spent = artifact.spent.get(seed)
        rows.append(
            SeedRow(
                seed=seed,
                outcome="recorded",
                bad=False,
                values=tuple(cells[name].get(seed, "") for name in names),
                seconds=seconds(spent.duration) if spent else "",
                memory=_memory(spent.peak_memory, spent.peak_gpu_memory) if spent else "",
                cached=False,
            )
        )
    return rows


def _cells(values: Mapping[str, Mapping[int, float]]) -> dict[str, dict[int, str]]:
    """Each metric's values with the same number of decimals."""
    found = {}
    for name, sample in values.items():
        texts = map(typeset, numbers(sample.values(), digits=4, rounding=True))
        found[name] = dict(zip(sample, texts, strict=True))
    return found


def _memory(resident: int | None, gpu: int | None) -> str:
    from rich.filesize import decimal

    texts = [decimal(resident)] if resident is not None else []
    return " + ".join([*texts, f"{decimal(gpu)} GPU"] if gpu is not None else texts)
