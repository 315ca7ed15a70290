"""The history that an artifact carries from update to update: anchor, ledger and paired runs.

Pure functions from artifact to artifact. Whether an update is accepted, and how non-inferior it is
to the anchor, is decided elsewhere; here an accepted one is recorded.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from statistics import fmean, variance
from typing import Final

from pytest_mlregress.baselines.artifact import (
    Anchor,
    Artifact,
    Curve,
    Fact,
    LedgerEntry,
    LedgerKind,
    MetricBaseline,
    PairedRun,
    PairedValue,
    Provenance,
    Scalar,
    Spent,
)
from pytest_mlregress.baselines.json_text import seal

__all__ = [
    "PAIRED_RUNS_KEPT",
    "accepted_loss",
    "append_pairing",
    "earlier_samples",
    "first_artifact",
    "pair_with_baseline",
    "paired_history",
    "revise",
    "samples_of_same_code",
    "with_refused_update",
]

PAIRED_RUNS_KEPT: Final = 20
"""How many earlier runs an artifact keeps."""


def first_artifact(
    test: str,
    tier: str,
    metrics: Mapping[str, MetricBaseline],
    provenance: Provenance,
    *,
    curves: Mapping[str, Mapping[int, Curve]] | None = None,
    params: Mapping[str, Scalar] | None = None,
    data: Mapping[str, str] | None = None,
    spent: Mapping[int, Spent] | None = None,
) -> Artifact:
    """The first revision of a test's baseline; its values become the anchor.

    Args:
        test: the test, as in `Artifact`.
        tier: the tier.
        metrics: the samples.
        provenance: where they come from.
        curves: as in `Artifact`.
        params: as in `Artifact`.
        data: as in `Artifact`.
        spent: as in `Artifact`.

    Returns:
        The artifact.
    """
    return seal(
        Artifact(
            test=test,
            tier=tier,
            metrics=metrics,
            provenance=provenance,
            curves=curves or {},
            params=params or {},
            data=data or {},
            anchor={name: _anchor(metric, provenance) for name, metric in metrics.items()},
            spent=spent or {},
        )
    )


def revise(
    previous: Artifact,
    metrics: Mapping[str, MetricBaseline],
    provenance: Provenance,
    *,
    effects: Mapping[str, float],
    reason: str,
    rebased: bool = False,
    kind: LedgerKind = "update",
    evidence: Mapping[str, Fact] | None = None,
    curves: Mapping[str, Mapping[int, Curve]] | None = None,
    params: Mapping[str, Scalar] | None = None,
    data: Mapping[str, str] | None = None,
    spent: Mapping[int, Spent] | None = None,
) -> Artifact:
    """The revision that replaces `previous` after an accepted update.

    The anchor of a metric stays as it was. It is reset only if the new values cannot be compared
    with it (the metric is new, changed its direction or version, or the data changed), and if a
    slow decay is accepted.

    Args:
        previous: the revision that is replaced.
        metrics: the new samples.
        provenance: where they come from.
        effects: per metric the change of the mean against `previous`, in metric units, oriented so
            that a loss is negative; metrics that cannot be compared have none.
        reason: why the update was accepted.
        rebased: whether the reason accepts a decay, too: every anchor moves to the new values.
        kind: as in `LedgerEntry`.
        evidence: as in `LedgerEntry`.
        curves: as in `Artifact`.
        params: as in `Artifact`.
        data: as in `Artifact`.
        spent: as in `Artifact`.

    Returns:
        The new revision.
    """
    data = data or {}
    same_data = dict(data) == dict(previous.data)
    kept = {
        name: previous.anchor[name]
        for name, metric in metrics.items()
        if not rebased
        and name in previous.anchor
        and same_data
        and _same_metric(previous.metrics[name], metric)
    }
    fresh = {
        name: _anchor(metric, provenance) for name, metric in metrics.items() if name not in kept
    }
    entry = LedgerEntry(
        revision=previous.revision,
        commit=provenance.commit,
        time=provenance.time,
        effects=effects,
        reason=reason,
        anchored=tuple(fresh),
        kind=kind,
        evidence=evidence or {},
    )
    return seal(
        Artifact(
            test=previous.test,
            tier=previous.tier,
            parent=previous.revision,
            metrics=metrics,
            provenance=provenance,
            curves=curves or {},
            params=params or {},
            data=data,
            anchor=kept | fresh,
            ledger=(*previous.ledger, entry),
            pairing=previous.pairing,
            spent=spent or {},
        )
    )


def with_refused_update(artifact: Artifact, metrics: Collection[str]) -> Artifact:
    """The artifact with one more refused update counted against the anchors of these metrics.

    Args:
        artifact: the baseline.
        metrics: the metrics that may have drifted.

    Returns:
        The artifact; nothing else in it changes.
    """
    anchors = {
        name: replace(anchor, refused=anchor.refused + 1) if name in metrics else anchor
        for name, anchor in artifact.anchor.items()
    }
    return seal(replace(artifact, anchor=anchors))


def accepted_loss(artifact: Artifact, metric: str) -> float:
    """The loss accepted since the metric's anchor was set, in metric units; a gain is negative.

    Args:
        artifact: the baseline.
        metric: the name of the metric.

    Returns:
        The sum of the effects in the ledger, with the sign turned.
    """
    entries = _since_anchor(artifact, metric)
    return -math.fsum(entry.effects.get(metric, 0.0) for entry in entries)


def _since_anchor(artifact: Artifact, metric: str) -> tuple[LedgerEntry, ...]:
    """The updates since the one that set the metric's anchor."""
    since = 0
    for position, entry in enumerate(artifact.ledger):
        if metric in entry.anchored:
            since = position + 1
    return artifact.ledger[since:]


def pair_with_baseline(
    artifact: Artifact, candidate: Mapping[str, Mapping[int, float]], *, commit: str | None
) -> PairedRun:
    """The seeds and metrics that a candidate shares with the baseline.

    Args:
        artifact: the baseline.
        candidate: the values of the candidate by metric and seed.
        commit: the commit of the candidate, None outside git.

    Returns:
        The pairs, as `append_pairing` takes them.
    """
    shared: dict[str, tuple[PairedValue, ...]] = {}
    for name, metric in artifact.metrics.items():
        values = candidate.get(name, {})
        pairs = tuple((s, v, values[s]) for s, v in metric.values.items() if s in values)
        if pairs:
            shared[name] = pairs
    return PairedRun(commit=commit, metrics=shared)


def append_pairing(artifact: Artifact, run: PairedRun, *, keep: int = PAIRED_RUNS_KEPT) -> Artifact:
    """The artifact with `run` appended to its paired runs.

    Args:
        artifact: the baseline.
        run: the pairs of a run.
        keep: how many of the latest runs are kept.

    Returns:
        The new artifact.

    Raises:
        ValueError: `keep` is below 1.
    """
    if keep < 1:
        raise ValueError(f"an artifact keeps at least one paired run, got keep={keep}")
    return seal(replace(artifact, pairing=(*artifact.pairing, run)[-keep:]))


def paired_history(
    artifact: Artifact, metric: str
) -> tuple[tuple[str | None, tuple[tuple[float, float], ...]], ...]:
    """The earlier (baseline, candidate) pairs of a metric.

    Args:
        artifact: the baseline.
        metric: the name of the metric.

    Returns:
        One (commit, pairs) per run, oldest first.
    """
    return tuple(
        (run.commit, tuple((b, c) for _, b, c in run.metrics[metric]))
        for run in artifact.pairing
        if metric in run.metrics
    )


def earlier_samples(artifact: Artifact, metric: str) -> tuple[tuple[float, ...], ...]:
    """The samples of a metric's earlier revisions that the artifact still has, each once.

    They are the anchor, and the baseline's side of the paired runs.

    Args:
        artifact: the baseline.
        metric: the name of the metric.

    Returns:
        One tuple of values per sample, in metric units.
    """
    current = artifact.metrics[metric].values if metric in artifact.metrics else {}
    samples = [tuple(b for _, b, _ in run.metrics.get(metric, ())) for run in artifact.pairing]
    if metric in artifact.anchor:
        samples.append(tuple(artifact.anchor[metric].values.values()))
    known = {frozenset(current.values())}
    found = []
    for sample in samples:
        # Values in another order, or a paired part of them, are the same sample.
        if len(sample) > 1 and not any(known_one >= frozenset(sample) for known_one in known):
            known.add(frozenset(sample))
            found.append(sample)
    return tuple(found)


def samples_of_same_code(artifact: Artifact, metric: str) -> tuple[Mapping[int, float], ...]:
    """The samples by seed of the revisions that differ by no known change, the current one last.

    They begin with the anchor: an update that resets it, for a reason or for other data, counts as
    a change of code. So does one that gained more than two standard errors, since gains are the
    purpose of many updates.

    Args:
        artifact: the baseline.
        metric: the name of the metric.

    Returns:
        The samples; one may occur twice, or with some of its seeds.
    """
    if metric not in artifact.metrics:
        return ()
    commits = {entry.commit for entry in _since_anchor(artifact, metric)} - {None}
    samples: list[Mapping[int, float]] = []
    if metric in artifact.anchor:
        samples.append(artifact.anchor[metric].values)
    higher_is_better = artifact.metrics[metric].higher_is_better
    for run in artifact.pairing:
        pairs = run.metrics.get(metric, ())
        if run.commit not in commits or not pairs:
            continue
        samples.append({seed: before for seed, before, _ in pairs})
        if _gained(pairs, 1.0 if higher_is_better else -1.0):
            samples.clear()
        samples.append({seed: after for seed, _, after in pairs})
    return (*samples, artifact.metrics[metric].values)


def _gained(pairs: tuple[PairedValue, ...], sign: float) -> bool:
    """Whether an update gained more than two standard errors, as if its seeds were not paired."""
    before, after = ([pair[side] for pair in pairs] for side in (1, 2))
    if len(pairs) < 2 or not all(map(math.isfinite, (*before, *after))):
        return False
    error = math.sqrt((variance(before) + variance(after)) / len(pairs))
    return sign * (fmean(after) - fmean(before)) > 2.0 * error


def _anchor(metric: MetricBaseline, provenance: Provenance) -> Anchor:
    return Anchor(values=metric.values, commit=provenance.commit, time=provenance.time)


def _same_metric(old: MetricBaseline, new: MetricBaseline) -> bool:
    return (old.higher_is_better, old.version) == (new.higher_is_better, new.version)
