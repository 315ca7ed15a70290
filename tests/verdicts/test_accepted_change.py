"""What an update accepts besides values that lost nothing."""

import pytest

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline, Provenance
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.verdicts.accepted_change import AcceptedChange, EnvironmentChange

NOW = "2026-03-01T12:00:00Z"
VALUES = [0.89, 0.9, 0.91, 0.905, 0.895, 0.9, 0.91, 0.89, 0.9, 0.9] * 2


def metric(shift: float = 0.0, *, higher_is_better: bool = True) -> MetricBaseline:
    sign = 1.0 if higher_is_better else -1.0
    values = {seed: sign * (value + shift) for seed, value in enumerate(VALUES)}
    return MetricBaseline(higher_is_better=higher_is_better, values=values)


def baseline(accuracy: MetricBaseline) -> Artifact:
    provenance = Provenance(plugin="0.1.0", time=NOW)
    return first_artifact("t.py::t", "default", {"accuracy": accuracy}, provenance)


def moved(effect: float) -> AcceptedChange:
    return AcceptedChange(
        environment=EnvironmentChange(
            time=NOW,
            reason="environment: torch 2.5.1 -> 2.6.0",
            evidence={"tests": 1},
            effects={"accuracy": effect},
        )
    )


def test_a_plain_update_moves_no_anchor() -> None:
    plain = AcceptedChange()

    assert (plain.kind, plain.moves_anchor, plain.reason) == ("update", False, None)
    assert (plain.evidence, plain.time("then")) == ({}, "then")


def test_an_environment_moves_the_anchor_with_its_evidence() -> None:
    change = moved(0.0)

    assert (change.kind, change.moves_anchor) == ("environment", True)
    assert change.reason == "environment: torch 2.5.1 -> 2.6.0"
    assert (change.evidence, change.time("then")) == ({"tests": 1}, NOW)


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_effect_of_the_environment_is_no_drift(higher_is_better: bool) -> None:
    """0.02 is more than twice the spread of the anchor, which alone is refused."""
    old = metric(higher_is_better=higher_is_better)
    new = metric(-0.02, higher_is_better=higher_is_better)
    artifact = first_artifact(
        "t.py::t", "default", {"accuracy": old}, Provenance(plugin="1", time=NOW)
    )

    assert AcceptedChange().drift(artifact, "accuracy", new, (20,)) is not None
    assert moved(-0.02).drift(artifact, "accuracy", new, (20,)) is None


def test_the_drift_of_the_code_is_one_in_any_environment() -> None:
    artifact = first_artifact(
        "t.py::t", "default", {"accuracy": metric()}, Provenance(plugin="1", time=NOW)
    )

    refusal = moved(-0.005).drift(artifact, "accuracy", metric(-0.025), (20,))
    plain = moved(0.0).drift(artifact, "accuracy", metric(-0.025), (20,))

    assert refusal is not None
    assert refusal.reason.endswith("these values are less the environment's effect of -0.005")
    assert "0.9 then, 0.88 now" in refusal.reason
    assert plain is not None
    assert "environment" not in plain.reason
