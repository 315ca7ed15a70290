"""What one seed has recorded so far: filled by the test through `Run`, read by the plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_mlregress.running.forwarded_log import ForwardedLog
from pytest_mlregress.running.result import RecordedMetric, SeedResult


@dataclass(slots=True)
class RunRecord:
    """The metrics, curves, parameters and data fingerprints of one seed.

    Attributes:
        metrics: by name, in the order of recording.
        curves: the points ``(step, value)`` of each learning curve.
        params: hyper-parameters, as plain values.
        data: the digest of each data set by the name that the test gave it.
        preflight: whether this is a preflight.
        data_fraction: the share of the data that the test is to train with.
        asked: which of those two the test has asked for, by name.
        progress: called as ``progress(step, values)`` after each `Run.log`, for those who watch.
        on_log: called as ``on_log(step, values)`` after each `Run.log`, with the new values only.
        forwarded: what processes that the test starts log.
    """

    metrics: dict[str, RecordedMetric] = field(default_factory=dict)
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    data: dict[str, str] = field(default_factory=dict)
    preflight: bool = False
    data_fraction: float = 1.0
    asked: set[str] = field(default_factory=set)
    progress: Callable[[int, Mapping[str, float]], None] | None = None
    on_log: Callable[[int, Mapping[str, float]], None] | None = None
    forwarded: ForwardedLog = field(default_factory=ForwardedLog)

    def for_child(self) -> RunRecord:
        """An empty record for a process that the test starts.

        Returns:
            One with the same requests, whose log comes back to this process.
        """
        return RunRecord(
            preflight=self.preflight, data_fraction=self.data_fraction, forwarded=self.forwarded
        )

    def result(self, seed: int) -> SeedResult:
        """A copy in the form that crosses processes, as of a seed that passed.

        The controller adds how the seed ended, which it knows from pytest's reports.

        Args:
            seed: the seed.

        Returns:
            The result.
        """
        return SeedResult(
            seed=seed,
            outcome="finished",
            metrics=tuple(self.metrics.values()),
            curves={name: tuple(points) for name, points in self.curves.items()},
            params=dict(self.params),
            data=dict(self.data),
            data_fraction=self.data_fraction if "data_fraction" in self.asked else None,
        )
