"""The history that an artifact carries from update to update."""

import json
import math
from dataclasses import replace

import pytest
from baseline_examples import PROVENANCE, example
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline, PairedRun
from pytest_mlregress.baselines.history import (
    accepted_loss,
    append_pairing,
    pair_with_baseline,
    paired_history,
    revise,
)
from pytest_mlregress.baselines.json_text import dumps, loads

LATER = replace(PROVENANCE, commit="9b1d", time="2026-04-01T12:00:00Z")


def metric(*values: float, version: int = 1, higher_is_better: bool = True) -> MetricBaseline:
    return MetricBaseline(
        higher_is_better=higher_is_better, version=version, values=dict(enumerate(values))
    )


def updated(previous: Artifact, *values: float, effect: float = 0.0, **changes: object) -> Artifact:
    metrics = {"accuracy": metric(*values)}
    effects = {"accuracy": effect}
    data = previous.data
    return revise(
        previous,
        **({"metrics": metrics, "effects": effects, "data": data} | changes),
        provenance=LATER,
        reason="more augmentation",
    )


def test_the_first_revision_is_its_own_anchor() -> None:
    first = example((0.9, 0.8))

    assert first.parent is None
    assert first.ledger == ()
    assert first.anchor["accuracy"].values == {0: 0.9, 1: 0.8}
    assert first.anchor["accuracy"].commit == PROVENANCE.commit
    assert first.anchor["accuracy"].time == PROVENANCE.time


def test_an_update_names_its_parent_and_books_its_effect() -> None:
    first = example((0.9, 0.8))

    second = updated(first, 0.85, 0.8, effect=-0.025)

    assert second.parent == first.revision
    assert second.revision not in ("", first.revision)
    assert second.metrics["accuracy"].values == {0: 0.85, 1: 0.8}
    (entry,) = second.ledger
    assert entry.revision == first.revision
    assert (entry.commit, entry.time) == (LATER.commit, LATER.time)
    assert entry.effects == {"accuracy": -0.025}
    assert entry.reason == "more augmentation"
    assert entry.anchored == ()


def test_the_anchor_stays_through_any_number_of_updates() -> None:
    first = artifact = example((0.9, 0.8))
    for step in range(20):
        artifact = updated(artifact, 0.9 - step / 100, effect=-0.01)

    assert artifact.anchor == first.anchor
    assert accepted_loss(artifact, "accuracy") == pytest.approx(0.2, abs=1e-12)
    assert len(artifact.ledger) == 20


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": {"accuracy": metric(0.5, version=2)}},
        {"metrics": {"accuracy": metric(0.5, higher_is_better=False)}},
        {"data": {"digits": "another"}},
    ],
    ids=["version", "direction", "data"],
)
def test_what_cannot_be_compared_with_the_anchor_starts_a_new_one(
    changes: dict[str, object],
) -> None:
    artifact = updated(example((0.9,)), 0.5, effect=-0.3)
    artifact = updated(artifact, 0.5, effect=0.0, **changes)

    assert artifact.anchor["accuracy"].values == {0: 0.5}
    assert artifact.anchor["accuracy"].commit == LATER.commit
    assert artifact.ledger[-1].anchored == ("accuracy",)
    assert accepted_loss(artifact, "accuracy") == 0.0


def test_a_new_metric_gets_an_anchor_and_a_gone_one_loses_it() -> None:
    artifact = updated(example((0.9,)), metrics={"f1": metric(0.7)}, effects={})

    assert set(artifact.anchor) == {"f1"}
    assert artifact.ledger[-1].anchored == ("f1",)


def test_an_accepted_decay_moves_the_anchor_in_one_entry_of_the_ledger() -> None:
    first = example((0.9, 0.8))
    decayed = updated(first, 0.85, 0.75, effect=-0.05)

    moved = updated(decayed, 0.7, 0.6, effect=-0.15, rebased=True)

    assert moved.parent == decayed.revision
    assert moved.anchor["accuracy"].values == {0: 0.7, 1: 0.6}
    assert moved.anchor["accuracy"].commit == LATER.commit
    assert len(moved.ledger) == 2
    assert moved.ledger[-1].revision == decayed.revision
    assert moved.ledger[-1].anchored == ("accuracy",)
    assert moved.ledger[-1].effects == {"accuracy": -0.15}
    assert moved.ledger[-1].reason == "more augmentation"
    assert accepted_loss(decayed, "accuracy") == 0.05
    assert accepted_loss(moved, "accuracy") == 0.0
    assert accepted_loss(updated(moved, 0.6, effect=-0.1), "accuracy") == 0.1


def test_an_entry_of_another_environment_keeps_its_evidence() -> None:
    first = example((0.9, 0.8))
    evidence = {"tests": 70, "differences": ["torch 2.5.1 -> 2.6.0"], "pairs": {"accuracy": 5}}

    moved = revise(
        first,
        first.metrics,
        LATER,
        effects={"accuracy": 0.0},
        reason="environment: torch 2.5.1 -> 2.6.0",
        rebased=True,
        kind="environment",
        evidence=evidence,
    )
    (entry,) = loads(dumps(moved), source="a.json").ledger

    assert (entry.kind, entry.anchored) == ("environment", ("accuracy",))
    assert entry.evidence == {**evidence, "differences": ("torch 2.5.1 -> 2.6.0",)}


def test_an_entry_without_a_kind_is_an_update() -> None:
    """As in files of older schemas, which stay as they are written."""
    artifact = updated(example((0.9,)), 0.8, effect=-0.1)
    written = json.loads(dumps(artifact))

    assert not {"kind", "evidence"} & written["ledger"][0].keys()
    (entry,) = loads(dumps(artifact), source="a.json").ledger
    assert (entry.kind, entry.evidence) == ("update", {})


@given(st.lists(st.floats(-1, 1), max_size=30))
def test_the_accepted_loss_is_the_sum_of_what_was_accepted(effects: list[float]) -> None:
    artifact = example((0.9,))
    for effect in effects:
        artifact = updated(artifact, 0.9, effect=effect)

    assert accepted_loss(artifact, "accuracy") == -math.fsum(effects)
    assert accepted_loss(artifact, "unknown") == 0.0


def test_the_seeds_that_both_sides_have_are_paired() -> None:
    candidate = {"accuracy": {1: 0.81, 2: 0.7, 0: math.nan}, "other": {0: 1.0}}

    run = pair_with_baseline(example((0.9, 0.8)), candidate, commit="c0ffee")

    assert run == PairedRun(
        commit="c0ffee", metrics={"accuracy": ((0, 0.9, math.nan), (1, 0.8, 0.81))}
    )


def test_the_latest_runs_are_remembered_through_updates_and_files() -> None:
    artifact = example((0.9, 0.8))
    for number in range(25):
        run = pair_with_baseline(artifact, {"accuracy": {0: number / 100}}, commit=f"c{number}")
        artifact = append_pairing(artifact, run)

    kept = loads(dumps(updated(artifact, 0.9)), source="a.json")

    assert [commit for commit, _ in paired_history(kept, "accuracy")] == [
        f"c{number}" for number in range(5, 25)
    ]
    assert paired_history(kept, "accuracy")[-1] == ("c24", ((0.9, 0.24),))
    assert paired_history(kept, "f1") == ()
    assert len(append_pairing(kept, run, keep=3).pairing) == 3
    with pytest.raises(ValueError, match="keep=0"):
        append_pairing(kept, run, keep=0)


def test_remembering_a_run_keeps_the_artifact_whole() -> None:
    artifact = example((0.9, 0.8))
    run = pair_with_baseline(artifact, {"accuracy": {0: 0.5}}, commit=None)

    remembered = append_pairing(artifact, run)

    assert remembered.revision != artifact.revision
    assert not loads(dumps(remembered), source="a.json").edited
    assert remembered.parent == artifact.parent
