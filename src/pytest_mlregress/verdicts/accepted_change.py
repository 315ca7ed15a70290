"""What an update accepts besides values that lost nothing, and how the ledger says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_mlregress.baselines.artifact import Artifact, Fact, LedgerKind, MetricBaseline
from pytest_mlregress.verdicts.drift_gate import Refusal, drifts


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentChange:
    """A baseline moves to another environment, on the evidence of a comparison of both.

    Attributes:
        time: when the baselines of the suite moved, the same for all of them.
        reason: what the ledger says of it.
        evidence: what the ledger keeps of the comparison.
        effects: per metric the change that the comparison measured, in metric units, oriented so
            that a loss is negative.
    """

    time: str
    reason: str
    evidence: Mapping[str, Fact]
    effects: Mapping[str, float]

    def taken_back(self, name: str, metric: MetricBaseline) -> MetricBaseline:
        """New values as they would be in the old environment.

        Args:
            name: the name of the metric.
            metric: its values in the new environment.

        Returns:
            The metric, with the measured effect of the environment subtracted.
        """
        effect = self.effects.get(name, 0.0)
        shift = effect if metric.higher_is_better else -effect
        return replace(metric, values={seed: v - shift for seed, v in metric.values.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedChange:
    """The reason why an update may move the anchor.

    Attributes:
        rebase_reason: why any loss is accepted; None for none.
        environment: the change of environment that the update is; None for one of the code alone.
    """

    rebase_reason: str | None = None
    environment: EnvironmentChange | None = None

    @property
    def kind(self) -> LedgerKind:
        """What the ledger calls the update."""
        if self.rebase_reason is not None:
            return "rebase"
        return "update" if self.environment is None else "environment"

    @property
    def moves_anchor(self) -> bool:
        """Whether the new values become the anchor of every metric."""
        return self.kind != "update"

    @property
    def reason(self) -> str | None:
        """What the ledger says; None where the verdicts on the metrics say it."""
        if self.rebase_reason is not None:
            return self.rebase_reason
        return None if self.environment is None else self.environment.reason

    @property
    def evidence(self) -> Mapping[str, Fact]:
        """What the ledger keeps of a comparison of environments."""
        return {} if self.environment is None else self.environment.evidence

    def time(self, now: str) -> str:
        """The time of the update: one for all baselines that change their environment together.

        Args:
            now: the time of an update by itself.

        Returns:
            The time.
        """
        return now if self.environment is None else self.environment.time

    def drift(
        self, previous: Artifact, name: str, metric: MetricBaseline, looks: Sequence[int]
    ) -> Refusal | None:
        """The drift test of an update: the effect of another environment does not count.

        Args:
            previous: the old baseline.
            name: the name of the metric.
            metric: its new values.
            looks: the numbers of seeds after which the update is judged.

        Returns:
            The refusal, None if nothing drifted.
        """
        if self.environment is None:
            return drifts(previous, name, metric, looks)
        refusal = drifts(previous, name, self.environment.taken_back(name, metric), looks)
        effect = self.environment.effects.get(name, 0.0)
        if refusal is None or not effect:
            return refusal
        less = f"{refusal.reason}; these values are less the environment's effect of {effect:+.4g}"
        return replace(refusal, reason=less)
