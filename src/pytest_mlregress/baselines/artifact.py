"""The baseline of one test and tier, as plain frozen values.

Every mapping is copied and every number converted to a plain Python one when a value is built, so
that an artifact never shares state with the code that measured it and never holds a
`numpy.float64`. Every NaN becomes the one object `math.nan`, so that equal artifacts compare equal.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from pytest_mlregress.baselines.recorded_reads import RecordedReads

__all__ = [
    "LEDGER_KINDS",
    "SCHEMA",
    "Anchor",
    "Artifact",
    "Curve",
    "Environment",
    "Fact",
    "LedgerEntry",
    "LedgerKind",
    "MetricBaseline",
    "PairedRun",
    "PairedValue",
    "Provenance",
    "Scalar",
    "Spent",
]

_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")

SCHEMA: Final = 4
"""The version of the file format that this package writes."""

Scalar = str | int | float | bool | None
"""A hyper-parameter or a fact about the environment: one plain builtin."""

Fact = Scalar | list[str] | tuple[str, ...] | Mapping[str, Scalar]
"""One fact about the environment, at most one level deep."""

Environment = Mapping[str, Fact]
"""What `describe_environment` returns: facts by name."""

LedgerKind = Literal["update", "rebase", "environment"]
"""What moved a baseline: an update, a loss accepted with a reason, or another environment."""

LEDGER_KINDS: Final[tuple[LedgerKind, ...]] = get_args(LedgerKind)

Curve = tuple[tuple[int, float], ...]
"""A learning curve of one seed: (step, value) by increasing step."""

PairedValue = tuple[int, float, float]
"""(seed, the baseline's value, the candidate's value)."""


def _number(value: float) -> float:
    plain = float(value)
    return math.nan if math.isnan(plain) else plain


def _by_seed(values: Mapping[int, float]) -> dict[int, float]:
    return {int(seed): _number(values[seed]) for seed in sorted(values)}


def _by_name(values: Mapping[str, float]) -> dict[str, float]:
    return {name: _number(values[name]) for name in sorted(values)}


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricBaseline:
    """The recorded sample of one metric.

    Attributes:
        higher_is_better: the direction in which the metric improves.
        values: the metric by seed; non-finite values are kept as they were measured.
        margin: the smallest loss that matters, in metric units; None for the automatic margin.
        version: the version of how the metric is computed.
        resolution: the step between two possible values of the metric, None if unknown.
    """

    higher_is_better: bool
    values: Mapping[int, float]
    margin: float | None = None
    version: int = 1
    resolution: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _by_seed(self.values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The values that a metric must not drift away from; an update moves them only for a reason.

    Attributes:
        values: the metric by seed, as first accepted.
        commit: the commit they were measured at, None outside git.
        time: when, in UTC (ISO 8601).
        refused: how many updates were refused since, because they may have drifted from it.
    """

    values: Mapping[int, float]
    commit: str | None
    time: str
    refused: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _by_seed(self.values))


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One accepted update, or one move of the anchor.

    Attributes:
        revision: the revision that was replaced.
        commit: the commit of the accepted values, None outside git.
        time: when they were accepted, in UTC (ISO 8601).
        effects: per metric the accepted change of the mean in metric units, oriented so that a loss
            is negative.
        reason: why it was accepted, in words.
        anchored: the metrics whose anchor this entry reset; their accepted loss restarts here.
        kind: ``update``; ``rebase`` where `--mlregress-rebase-anchor` accepted a loss;
            ``environment`` where the baselines of the suite moved to another environment together.
        evidence: of an environment, what its comparison with the one before showed; names as in
            `environment_evidence`.
    """

    revision: str
    commit: str | None
    time: str
    effects: Mapping[str, float]
    reason: str
    anchored: tuple[str, ...] = ()
    kind: LedgerKind = "update"
    evidence: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "effects", _by_name(self.effects))
        object.__setattr__(self, "anchored", tuple(sorted(self.anchored)))
        object.__setattr__(self, "evidence", _plain_facts(self.evidence))


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedRun:
    """The seeds that an earlier green run shared with its baseline, to estimate rho and theta.

    Attributes:
        commit: the commit of the candidate, None outside git.
        metrics: per metric the (seed, baseline, candidate) values by increasing seed.
    """

    commit: str | None
    metrics: Mapping[str, tuple[PairedValue, ...]]

    def __post_init__(self) -> None:
        plain = {
            name: tuple(
                (int(seed), _number(baseline), _number(candidate))
                for seed, baseline, candidate in sorted(self.metrics[name], key=lambda v: v[0])
            )
            for name in sorted(self.metrics)
        }
        object.__setattr__(self, "metrics", plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where the values come from.

    Attributes:
        plugin: the version of pytest-mlregress that wrote the file.
        time: when the values were recorded, in UTC (ISO 8601).
        commit: of the working tree; None outside git or before its first commit.
        branch: of the working tree; None outside git or when detached.
        dirty: whether the tree held changes that are in no commit.
        diff_hash: hash of those changes, None for a clean tree.
        command: `pytest`, the tests that were named, `-k`, `-m` and the plugin's options.
        seeds: the seeds that ran.
        environment: what can change results, as `describe_environment` found it where they trained.
        reads: what the seeds read; None where that was not recorded.
    """

    plugin: str
    time: str
    commit: str | None = None
    branch: str | None = None
    dirty: bool = False
    diff_hash: str | None = None
    command: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    environment: Environment = field(default_factory=dict)
    reads: RecordedReads | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "command", tuple(self.command))
        object.__setattr__(self, "seeds", tuple(int(seed) for seed in self.seeds))
        object.__setattr__(self, "environment", _plain_facts(self.environment))

    @property
    def named_commit(self) -> str | None:
        """The commit, None unless it is 7 to 64 hexadecimal digits.

        Only then may it be part of a command: a file can hold any text in its place, such as one
        that a shell runs when the command is pasted.
        """
        return self.commit if self.commit and _COMMIT.fullmatch(self.commit) else None


def _plain_facts(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    plain: dict[str, Fact] = {}
    for name in sorted(facts):
        fact = facts[name]
        if isinstance(fact, Mapping):
            plain[name] = _plain_scalars(fact)
        elif isinstance(fact, list | tuple):
            plain[name] = tuple(fact)
        else:
            plain[name] = _plain_scalar(fact)
    return plain


def _plain_scalar(value: Scalar) -> Scalar:
    return _number(value) if isinstance(value, float) else value


def _plain_scalars(values: Mapping[str, Scalar]) -> dict[str, Scalar]:
    return {name: _plain_scalar(values[name]) for name in sorted(values)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What the training of one seed took, which no verdict depends on.

    Attributes:
        duration: of set-up, call and tear-down, in seconds.
        peak_memory: the most resident memory of its process, in bytes; None where that is unknown.
        peak_gpu_memory: the most that torch had allocated on one GPU, in bytes; None without CUDA.
    """

    duration: float
    peak_memory: int | None = None
    peak_gpu_memory: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "duration", float(self.duration))


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """The baseline of one test and tier: one file of a baseline folder.

    Attributes:
        test: the test, as `<file name>::<Class>::<name>[params]`.
        tier: the tier that trained, see the marker `tiers`.
        metrics: the recorded samples by metric name.
        provenance: where they come from.
        revision: hash of everything else in the file but `spent`; empty until `seal` fills it in.
        parent: the revision that this one replaced, None for the first.
        curves: learning curves by name and seed.
        params: hyper-parameters by (dotted) name.
        data: fingerprints of the data sets by name.
        anchor: per metric the values that bound its drift.
        ledger: the accepted updates, oldest first.
        pairing: earlier green runs, oldest first, bounded by `append_pairing`.
        spent: by seed what its training took; empty in files of schema 3 and older.
        edited: whether the file's revision did not match its content when it was read: it was
            edited by hand, or two updates were merged into it. Never written; such values were not
            measured, so no candidate is compared with them.
    """

    test: str
    tier: str
    metrics: Mapping[str, MetricBaseline]
    provenance: Provenance
    revision: str = ""
    parent: str | None = None
    curves: Mapping[str, Mapping[int, Curve]] = field(default_factory=dict)
    params: Mapping[str, Scalar] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    anchor: Mapping[str, Anchor] = field(default_factory=dict)
    ledger: tuple[LedgerEntry, ...] = ()
    pairing: tuple[PairedRun, ...] = ()
    spent: Mapping[int, Spent] = field(default_factory=dict)
    edited: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", dict(sorted(self.metrics.items())))
        object.__setattr__(self, "curves", _plain_curves(self.curves))
        object.__setattr__(self, "params", _plain_scalars(self.params))
        object.__setattr__(self, "data", dict(sorted(self.data.items())))
        object.__setattr__(self, "anchor", dict(sorted(self.anchor.items())))
        object.__setattr__(self, "ledger", tuple(self.ledger))
        object.__setattr__(self, "pairing", tuple(self.pairing))
        by_seed = {int(seed): self.spent[seed] for seed in sorted(self.spent)}
        object.__setattr__(self, "spent", by_seed)


def _plain_curves(
    curves: Mapping[str, Mapping[int, Curve]],
) -> dict[str, dict[int, Curve]]:
    return {
        name: {
            int(seed): tuple((int(step), _number(value)) for step, value in curves[name][seed])
            for seed in sorted(curves[name])
        }
        for name in sorted(curves)
    }
