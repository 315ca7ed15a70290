"""Between an `Artifact` and the JSON document that a file holds.

`document_of` and `artifact_from` have one pair of functions per part of the format, side by side,
so that this file documents the format.
"""

import math
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

from pytest_mlregress.baselines.artifact import (
    LEDGER_KINDS,
    SCHEMA,
    Anchor,
    Artifact,
    Curve,
    LedgerEntry,
    LedgerKind,
    MetricBaseline,
    PairedRun,
    PairedValue,
    Spent,
)
from pytest_mlregress.baselines.json_provenance import (
    Document,
    from_fact,
    from_provenance,
    from_scalar,
    to_facts,
    to_provenance,
)
from pytest_mlregress.baselines.json_reader import Node, are_seeds

__all__ = ["artifact_from", "document_of"]

_PLAIN_SPENT: Final = {"duration", "peak_memory"}
_LARGEST_PLAIN: Final = 2**63


def document_of(artifact: Artifact) -> Document:
    """The artifact as JSON values.

    Args:
        artifact: the baseline.

    Returns:
        Mappings, lists and plain values.
    """
    return {
        "schema": SCHEMA,
        "test": artifact.test,
        "tier": artifact.tier,
        "revision": artifact.revision,
        "parent": artifact.parent,
        "metrics": {name: _from_metric(metric) for name, metric in artifact.metrics.items()},
        "curves": {name: _from_curves(seeds) for name, seeds in artifact.curves.items()},
        "params": {name: from_scalar(value) for name, value in artifact.params.items()},
        "data": dict(artifact.data),
        "anchor": {name: _from_anchor(anchor) for name, anchor in artifact.anchor.items()},
        "ledger": [_from_entry(entry) for entry in artifact.ledger],
        "pairing": [_from_run(run) for run in artifact.pairing],
        "provenance": from_provenance(artifact.provenance),
        "spent": {str(seed): _from_spent(spent) for seed, spent in artifact.spent.items()},
    }


def artifact_from(document: object, *, source: str) -> Artifact:
    """The artifact in a document of the current schema.

    Args:
        document: the parsed file.
        source: the file, as a message prints it.

    Returns:
        The artifact.

    Raises:
        ArtifactError: a value is missing, unknown, or of another kind than the schema says.
    """
    fields = Node(document, source).fields(
        *("schema", "test", "tier", "revision", "parent", "metrics", "curves", "params"),
        *("data", "anchor", "ledger", "pairing", "provenance", "spent"),
    )
    return Artifact(
        test=fields["test"].text(),
        tier=fields["tier"].text(),
        revision=fields["revision"].text(),
        parent=fields["parent"].optional_text(),
        metrics={name: _to_metric(node) for name, node in fields["metrics"].entries()},
        curves={name: _to_curves(node) for name, node in fields["curves"].entries()},
        params={name: node.scalar() for name, node in fields["params"].entries()},
        data={name: node.text() for name, node in fields["data"].entries()},
        anchor={name: _to_anchor(node) for name, node in fields["anchor"].entries()},
        ledger=tuple(_to_entry(node) for node in fields["ledger"].items()),
        pairing=tuple(_to_run(node) for node in fields["pairing"].items()),
        provenance=to_provenance(fields["provenance"]),
        spent={seed: _to_spent(node) for seed, node in fields["spent"].by_seed()},
    )


def _from_number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _from_values(values: Mapping[int, float]) -> Document:
    return {str(seed): _from_number(value) for seed, value in values.items()}


def _to_values(node: Node) -> dict[int, float]:
    # As for curves: what is plain is recognised at once.
    plain = node.value
    if isinstance(plain, dict) and set(map(type, plain.values())) == {float} and are_seeds(plain):
        return {int(seed): value for seed, value in plain.items()}
    values = {seed: value.number() for seed, value in node.by_seed()}
    if not values:
        node.fail("the value of at least one seed")
    return values


def _from_metric(metric: MetricBaseline) -> Document:
    return {
        "higher_is_better": metric.higher_is_better,
        "margin": metric.margin,
        "resolution": metric.resolution,
        "values": _from_values(metric.values),
        "version": metric.version,
    }


def _to_metric(node: Node) -> MetricBaseline:
    fields = node.fields("higher_is_better", "margin", "resolution", "values", "version")
    return MetricBaseline(
        higher_is_better=fields["higher_is_better"].flag(),
        margin=fields["margin"].optional_size("a finite margin from 0, or null", zero=True),
        resolution=fields["resolution"].optional_size(
            "a finite resolution above 0, or null", zero=False
        ),
        values=_to_values(fields["values"]),
        version=fields["version"].whole(),
    )


def _from_curves(seeds: Mapping[int, Curve]) -> Document:
    return {
        str(seed): [[step, _from_number(value)] for step, value in curve]
        for seed, curve in seeds.items()
    }


def _to_curves(node: Node) -> dict[int, Curve]:
    return {seed: _to_curve(points) for seed, points in node.by_seed()}


def _to_curve(node: Node) -> Curve:
    # Curves are the bulk of a file, so a plain one is recognised at once; any other is read
    # point by point, to read its non-finite values or to say what is wrong with it.
    plain = node.value
    if _is_plain_curve(plain):
        return tuple((step, value) for step, value in plain)
    points: list[tuple[int, float]] = []
    for point in node.items():
        step, value = point.row(2, "a point [step, value]")
        if points and step.whole() <= points[-1][0]:
            step.fail(f"a step after {points[-1][0]}")
        points.append((step.whole(), value.number()))
    return tuple(points)


def _is_plain_curve(value: object) -> TypeGuard[list[tuple[int, float]]]:
    """Whether this is a list of [whole number, float] with growing steps from 0."""
    if not isinstance(value, list):
        return False
    last = -1
    for point in value:
        if not (type(point) is list and len(point) == 2 and type(point[1]) is float):
            return False
        step = point[0]
        if type(step) is not int or step <= last:
            return False
        last = step
    return True


def _from_anchor(anchor: Anchor) -> Document:
    tries = {"refused": anchor.refused} if anchor.refused else {}
    return {
        "commit": anchor.commit,
        **tries,
        "time": anchor.time,
        "values": _from_values(anchor.values),
    }


def _to_anchor(node: Node) -> Anchor:
    fields = node.fields("commit", "time", "values", optional=("refused",))
    return Anchor(
        commit=fields["commit"].optional_text(),
        refused=fields["refused"].whole() if "refused" in fields else 0,
        time=fields["time"].text(),
        values=_to_values(fields["values"]),
    )


def _from_entry(entry: LedgerEntry) -> Document:
    # What most entries do not have is left out, and files of older schemas have none of it.
    evidence = {name: from_fact(fact) for name, fact in entry.evidence.items()}
    return {
        "anchored": list(entry.anchored),
        "commit": entry.commit,
        "effects": {name: _from_number(effect) for name, effect in entry.effects.items()},
        **({"evidence": evidence} if evidence else {}),
        **({"kind": entry.kind} if entry.kind != "update" else {}),
        "reason": entry.reason,
        "revision": entry.revision,
        "time": entry.time,
    }


def _to_entry(node: Node) -> LedgerEntry:
    fields = node.fields(
        *("anchored", "commit", "effects", "reason", "revision", "time"),
        optional=("evidence", "kind"),
    )
    return LedgerEntry(
        anchored=tuple(name.text() for name in fields["anchored"].items()),
        commit=fields["commit"].optional_text(),
        effects={name: effect.number() for name, effect in fields["effects"].entries()},
        reason=fields["reason"].text(),
        revision=fields["revision"].text(),
        time=fields["time"].text(),
        kind=_to_kind(fields["kind"]) if "kind" in fields else "update",
        evidence=to_facts(fields["evidence"]) if "evidence" in fields else {},
    )


def _to_kind(node: Node) -> LedgerKind:
    kind = next((known for known in LEDGER_KINDS if known == node.value), None)
    if kind is None:
        node.fail(f"one of {', '.join(LEDGER_KINDS)}")
    return kind


def _from_run(run: PairedRun) -> Document:
    return {
        "commit": run.commit,
        "metrics": {
            name: [[seed, _from_number(b), _from_number(c)] for seed, b, c in values]
            for name, values in run.metrics.items()
        },
    }


def _to_run(node: Node) -> PairedRun:
    fields = node.fields("commit", "metrics")
    return PairedRun(
        commit=fields["commit"].optional_text(),
        metrics={name: _to_pairs(values) for name, values in fields["metrics"].entries()},
    )


def _to_pairs(node: Node) -> tuple[PairedValue, ...]:
    rows = (item.row(3, "a pair [seed, baseline, candidate]") for item in node.items())
    pairs = tuple((seed.whole(), b.number(), c.number()) for seed, b, c in rows)
    if len({seed for seed, _, _ in pairs}) < len(pairs):
        node.fail("one pair per seed")
    return pairs


def _from_spent(spent: Spent) -> Document:
    gpu = spent.peak_gpu_memory
    return {
        "duration": spent.duration,
        **({"peak_gpu_memory": gpu} if gpu is not None else {}),
        "peak_memory": spent.peak_memory,
    }


def _to_spent(node: Node) -> Spent:
    if _is_plain_spent(node.value):
        return Spent(**node.value)
    fields = node.fields("duration", "peak_memory", optional=("peak_gpu_memory",))
    gpu = fields.get("peak_gpu_memory")
    return Spent(
        duration=fields["duration"].size("a finite number of seconds from 0", zero=True),
        peak_memory=fields["peak_memory"].optional_whole(),
        peak_gpu_memory=gpu.whole() if gpu is not None else None,
    )


def _is_plain_spent(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether this is a duration and a peak that are as most seeds have them."""
    if not isinstance(value, dict) or value.keys() != _PLAIN_SPENT:
        return False
    duration, memory = value["duration"], value["peak_memory"]
    return (
        type(duration) is float
        and 0 <= duration < math.inf
        and type(memory) is int
        and 0 <= memory < _LARGEST_PLAIN
    )
