"""One run as the history keeps it: plain frozen values, and the JSON document of each.

A run is appended once and never changed. Its document is the object that a URL holds; the database
holds the same in columns. Non-finite numbers are the strings ``"nan"``, ``"inf"`` and ``"-inf"`` in
a document.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

__all__ = [
    "DOCUMENT_SCHEMA",
    "RUN_KINDS",
    "MetricRecord",
    "RunKind",
    "RunRecord",
    "SeedRecord",
    "TestRecord",
]

DOCUMENT_SCHEMA: Final = 1
"""The version of a run's document."""

RunKind: TypeAlias = Literal["check", "update", "A/B"]

RUN_KINDS: Final[tuple[RunKind, ...]] = get_args(RunKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedRecord:
    """What became of one seed.

    Attributes:
        seed: the seed.
        outcome: how it ended, as in `SeedResult`.
        duration: in seconds.
        peak_memory: of its process, in bytes; None where unknown.
        peak_gpu_memory: in bytes; None without a GPU.
        message: the first line of why it failed or was skipped.
        cached: whether an earlier run had trained it.
    """

    seed: int
    outcome: str
    duration: float = 0.0
    peak_memory: int | None = None
    peak_gpu_memory: int | None = None
    message: str = ""
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRecord:
    """The verdict on one metric.

    Attributes:
        name: the name of the metric.
        verdict: a `VerdictKind`.
        higher_is_better: its direction.
        declared: the margin as the test wrote it.
        version: the version of how it is computed.
        resolution: its smallest step, in metric units; None if unknown.
        n: the number of seeds that the verdict rests on.
        mean: of those, in metric units; NaN where one is non-finite or there is none.
        sd: their standard deviation; NaN for fewer than two.
        difference: from the baseline's mean, in metric units; NaN where nothing was compared.
        interval: of the difference, as every report shows it: that of the tests that decided.
        interval_level: its confidence; NaN where nothing was compared.
        p_harm: small when the candidate is worse; NaN where nothing was compared.
        p_safety: small when a loss of the margin is excluded.
        level: the level that ``p_harm`` was held to; None where nothing was compared.
        alpha: the level of the comparison over all its looks.
        margin: the smallest loss that matters, in metric units; NaN where nothing was compared.
        detectable: the loss that the declared seeds find with 90 % power, in metric units.
        test: the test that decided; empty where none did.
        baseline_n: the number of the baseline's seeds.
        baseline_mean: their mean.
        values: of every seed that reported, by seed, in metric units.
        base_values: those of the base in an A/B run.
        reasons: why.
    """

    name: str
    verdict: str
    higher_is_better: bool
    declared: float | str = "auto"
    version: int = 1
    resolution: float | None = None
    n: int = 0
    mean: float = math.nan
    sd: float = math.nan
    difference: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)
    interval_level: float = math.nan
    p_harm: float = math.nan
    p_safety: float = math.nan
    level: float | None = None
    alpha: float = math.nan
    margin: float = math.nan
    detectable: float = math.nan
    test: str = ""
    baseline_n: int = 0
    baseline_mean: float = math.nan
    values: Mapping[int, float] = field(default_factory=dict)
    base_values: Mapping[int, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    @property
    def compared(self) -> bool:
        """Whether its values were compared with a baseline's."""
        return bool(self.test)

    @property
    def loss(self) -> float:
        """The difference, oriented so that a loss is positive; NaN where nothing was compared."""
        return -self.difference if self.higher_is_better else self.difference


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRecord:
    """The verdict on one test.

    Attributes:
        test: the node id without the seed.
        tier: the tier.
        verdict: a `VerdictKind`.
        colour: ``green``, ``yellow`` or ``red``.
        reasons: why.
        decided_after: the number of seeds that the verdict rests on.
        planned: the seeds that were declared.
        seeds: what became of each.
        base_seeds: the same for the base of an A/B run.
        spent: seconds of all of them.
        baseline_revision: of the baseline that was compared with, or that an update wrote; None
            without one.
        baseline_commit: where that was recorded; the base's commit in an A/B run.
        same_code: whether the code was that of ``baseline_commit``; None where git cannot tell.
        differences: how the environment differed from the baseline's.
        settings: those that the test declares and is judged with.
        comparisons: the number that the alpha of the run was divided by for this test.
        data: the fingerprints of data sets by name.
        green_runs: per metric the values, by seed, of the earlier runs that entered the verdict.
        metrics: the verdict on each metric.
    """

    __test__ = False  # not a class of tests, whatever pytest thinks of its name

    test: str
    tier: str
    verdict: str
    colour: str
    reasons: tuple[str, ...] = ()
    decided_after: int = 0
    planned: tuple[int, ...] = ()
    seeds: tuple[SeedRecord, ...] = ()
    base_seeds: tuple[SeedRecord, ...] = ()
    spent: float = 0.0
    baseline_revision: str | None = None
    baseline_commit: str | None = None
    same_code: bool | None = None
    differences: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    comparisons: int = 1
    data: Mapping[str, str] = field(default_factory=dict)
    green_runs: Mapping[str, tuple[Mapping[int, float], ...]] = field(default_factory=dict)
    metrics: tuple[MetricRecord, ...] = ()

    def metric(self, name: str) -> MetricRecord | None:
        """The metric of a name.

        Args:
            name: the name.

        Returns:
            It; None where the test has none of that name.
        """
        return next((metric for metric in self.metrics if metric.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run: a session of pytest that reached verdicts.

    Attributes:
        id: unique, hexadecimal digits.
        time: when it began, in UTC (ISO 8601).
        kind: what it did.
        commit: of the working tree; None outside git.
        branch: of the working tree; None when detached.
        dirty: whether the tree held changes that are in no commit.
        diff_hash: hash of those changes; None for a clean tree.
        machine: system, processor and interpreter in a few words; no host name.
        environment: the fingerprint of what can change results; empty where nothing trained.
        facts: the environment in words.
        options: the settings that a verdict depends on.
        plugin: the version of the plugin.
        alpha: the chance of any false red in the run.
        comparisons: the number of metrics that share alpha.
        duration: wall time, in seconds.
        against: what an A/B run compared with, as it was named; empty for any other run.
        base_commit: the commit of that.
        tests: the verdicts.
        baselines: the documents of the baselines that the verdicts rest on, by revision, without
            their learning curves.
    """

    id: str
    time: str
    kind: RunKind
    commit: str | None = None
    branch: str | None = None
    dirty: bool = False
    diff_hash: str | None = None
    machine: str = ""
    environment: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    plugin: str = ""
    alpha: float = 0.05
    comparisons: int = 0
    duration: float = 0.0
    against: str = ""
    base_commit: str | None = None
    tests: tuple[TestRecord, ...] = ()
    baselines: Mapping[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> tuple[str | None, str | None]:
        """What two runs share exactly if they ran the same code: commit and changes to it."""
        return (self.commit, self.diff_hash)

    @property
    def colour(self) -> str:
        """The worst colour of its tests."""
        colours = {test.colour for test in self.tests}
        return next((one for one in ("red", "yellow") if one in colours), "green")
