"""The one record that crosses processes: what a seed of a test did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from pytest_mlregress.margins import MarginLike
from pytest_mlregress.running.scalars import to_plain
from pytest_mlregress.running.seed_outcome import SeedOutcome

COLLAPSED: Final = "collapsed early"
"""How the message of a seed begins that was ended because of its learning curve."""

STOPPED_MESSAGE: Final = "mlregress: not needed, the verdict of this test is certain"
"""Of a seed that did not run for that reason."""


@dataclass(frozen=True, slots=True)
class Xfail:
    """An ``xfail`` mark that applies to an item.

    Attributes:
        reason: its reason.
        strict: whether an unexpected pass fails.
        raises: whether only some exceptions are expected.
    """

    reason: str
    strict: bool
    raises: bool


@dataclass(frozen=True, slots=True)
class RecordedMetric:
    """One number that a seed recorded, with everything that says how to judge it.

    Attributes:
        name: the name of the metric.
        value: its value, in metric units; may be non-finite.
        higher_is_better: its direction.
        margin: the margin as declared.
        version: the version of how it is computed.
        resolution: its smallest step, in metric units; None if unknown.
    """

    name: str
    value: float
    higher_is_better: bool
    margin: MarginLike = "auto"
    version: int = 1
    resolution: float | None = None

    @property
    def settings(self) -> dict[str, object]:
        """What must be equal in every seed: all but the value."""
        return {
            "higher_is_better": self.higher_is_better,
            "margin": self.margin,
            "version": self.version,
            "resolution": self.resolution,
        }


_NOTHING: Final[Mapping[str, Any]] = {}
"""In all results that lack something: a suite has hundreds of thousands."""


@dataclass(frozen=True, slots=True)
class SeedResult:
    """What one seed of one test did.

    Attributes:
        seed: the seed.
        outcome: how it ended.
        metrics: what it recorded.
        curves: the (step, value) points of each learning curve.
        params: hyper-parameters.
        data: the fingerprints of data sets.
        duration: seconds of set-up, call and tear-down; of a cached seed, when it was trained.
        message: why it failed, was skipped or stopped.
        data_fraction: the share of the data that it trained with, where the test asked for it;
            None where it did not.
        cached: whether it was trained in an earlier run, and taken from the cache.
        peak_memory: the most resident memory of its process while it trained, in bytes, as
            `resources.peak_memory` measures it; None where that is unknown.
        peak_gpu_memory: the most that torch had allocated on one GPU, in bytes; None without CUDA.
        captured: the end of what its process printed and logged, in sections headed as pytest heads
            them; known where verdicts are reached alone, and never for a cached seed.
        traceback: the end of pytest's account of its failure; known as `captured` is.
    """

    seed: int
    outcome: SeedOutcome
    metrics: tuple[RecordedMetric, ...] = ()
    curves: Mapping[str, tuple[tuple[int, float], ...]] = field(default_factory=lambda: _NOTHING)
    params: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    data: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    duration: float = 0.0
    message: str = ""
    data_fraction: float | None = None
    cached: bool = False
    peak_memory: int | None = None
    peak_gpu_memory: int | None = None
    captured: str = ""
    traceback: str = ""

    def to_builtins(self) -> dict[str, Any]:
        """The result as plain builtins only.

        execnet, which sends reports between xdist's processes, refuses anything else (a
        ``numpy.float64`` included).
        """
        record = {
            "seed": self.seed,
            "outcome": self.outcome,
            "metrics": [
                {name: getattr(metric, name) for name in _METRIC_FIELDS} for metric in self.metrics
            ],
            "curves": self.curves,
            "params": self.params,
            "data": self.data,
            "duration": self.duration,
            "message": self.message,
            "data_fraction": self.data_fraction,
            "peak_memory": self.peak_memory,
            "peak_gpu_memory": self.peak_gpu_memory,
        }
        return {name: _builtin(value) for name, value in record.items()}

    @classmethod
    def from_builtins(cls, record: Mapping[str, Any]) -> SeedResult:
        """The inverse of `to_builtins`.

        Args:
            record: what `to_builtins` returned.

        Returns:
            The result.
        """
        return cls(
            seed=record["seed"],
            outcome=record["outcome"],
            metrics=tuple(RecordedMetric(**metric) for metric in record["metrics"]),
            curves={
                name: tuple((step, value) for step, value in points)
                for name, points in record["curves"].items()
            }
            or _NOTHING,
            params=record["params"] or _NOTHING,
            data=record["data"] or _NOTHING,
            duration=record["duration"],
            message=record["message"],
            data_fraction=record.get("data_fraction"),
            peak_memory=record.get("peak_memory"),
            peak_gpu_memory=record.get("peak_gpu_memory"),
        )

    @property
    def collapse(self) -> str:
        """What the learning curve that ended the seed had reached; empty for any other end."""
        own = self.message.removeprefix("Failed: ")  # pytest's name for what `pytest.fail` raises
        line = own.strip().partition("\n")[0]
        begins = f"{COLLAPSED}: "
        return line.removeprefix(begins) if line.startswith(begins) else ""

    @property
    def without_spent(self) -> SeedResult:
        """The result alone, which is the same whenever the seed trains to the same bits."""
        return replace(
            self,
            duration=0.0,
            peak_memory=None,
            peak_gpu_memory=None,
            captured="",
            traceback="",
        )

    def metric(self, name: str) -> RecordedMetric | None:
        """The metric of that name, or None if this seed did not record it.

        Args:
            name: the name of the metric.

        Returns:
            The metric.
        """
        return next((metric for metric in self.metrics if metric.name == name), None)


def with_spent(result: SeedResult, spent: Mapping[str, Any]) -> SeedResult:
    """A result with what the seed took, which reports and cache hold apart from it.

    Args:
        result: what the seed gave.
        spent: ``duration`` in seconds, ``peak_memory`` and ``peak_gpu_memory`` in bytes; what is
            left out stays as it is.

    Returns:
        The result.
    """
    return replace(result, **{name: spent[name] for name in SPENT if name in spent})


def spent_by(result: SeedResult) -> dict[str, Any]:
    """What a seed took, as `with_spent` reads it.

    Args:
        result: what the seed gave.

    Returns:
        Plain builtins by name.
    """
    return {name: getattr(result, name) for name in SPENT}


SPENT: Final = ("duration", "peak_memory", "peak_gpu_memory")
"""The fields that differ between two equal trainings."""

_METRIC_FIELDS: Final = tuple(entry.name for entry in fields(RecordedMetric))


def _builtin(value: object) -> Any:
    if type(value) in (float, str, int):  # as most values are
        return to_plain(value)
    match value:
        case Mapping():
            return {to_plain(key): _builtin(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_builtin(entry) for entry in value]
        case _:
            return to_plain(value)
