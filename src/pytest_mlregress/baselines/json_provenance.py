"""Between the provenance of an artifact, its facts included, and their JSON values."""

import math
from collections.abc import Mapping

from pytest_mlregress.baselines.artifact import (
    Fact,
    Provenance,
    Scalar,
)
from pytest_mlregress.baselines.json_reader import Node
from pytest_mlregress.baselines.recorded_reads import RecordedReads

Document = dict[str, object]


def from_scalar(value: Scalar) -> object:
    """A plain value as JSON, which has no number that is not finite.

    Args:
        value: a parameter, or a fact.

    Returns:
        The value, or an object around the name of the number.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def from_provenance(provenance: Provenance) -> Document:
    """A provenance as JSON values.

    Args:
        provenance: that of an artifact.

    Returns:
        The document.
    """
    return {
        "branch": provenance.branch,
        "command": list(provenance.command),
        "commit": provenance.commit,
        "diff_hash": provenance.diff_hash,
        "dirty": provenance.dirty,
        "environment": {name: from_fact(fact) for name, fact in provenance.environment.items()},
        "plugin": provenance.plugin,
        "reads": _from_reads(provenance.reads) if provenance.reads is not None else None,
        "seeds": list(provenance.seeds),
        "time": provenance.time,
    }


def to_provenance(node: Node) -> Provenance:
    """The provenance in a document.

    Args:
        node: the document.

    Returns:
        The provenance.

    Raises:
        ArtifactError: a value is missing, unknown, or of another kind than the schema says.
    """
    fields = node.fields(
        *("branch", "command", "commit", "diff_hash", "dirty"),
        *("environment", "plugin", "reads", "seeds", "time"),
    )
    return Provenance(
        branch=fields["branch"].optional_text(),
        command=tuple(word.text() for word in fields["command"].items()),
        commit=fields["commit"].optional_text(),
        diff_hash=fields["diff_hash"].optional_text(),
        dirty=fields["dirty"].flag(),
        environment=to_facts(fields["environment"]),
        plugin=fields["plugin"].text(),
        reads=_to_reads(fields["reads"]) if fields["reads"].value is not None else None,
        seeds=tuple(seed.whole() for seed in fields["seeds"].items()),
        time=fields["time"].text(),
    )


def _from_reads(reads: RecordedReads) -> Document:
    return {
        "absent": list(reads.absent),
        "always_run": list(reads.always_run),
        "files": dict(reads.files),
        "listings": dict(reads.listings),
        "machine": reads.machine,
        "packages": dict(reads.packages),
        "reproduced": reads.reproduced,
        "settings": reads.settings,
        **({"variables": dict(reads.variables)} if reads.variables else {}),
    }


def _to_reads(node: Node) -> RecordedReads:
    fields = node.fields(
        *("absent", "always_run", "files", "listings"),
        *("machine", "packages", "reproduced", "settings"),
        optional=("variables",),
    )
    return RecordedReads(
        absent=tuple(path.text() for path in fields["absent"].items()),
        always_run=tuple(reason.text() for reason in fields["always_run"].items()),
        files={path: digest.text() for path, digest in fields["files"].entries()},
        listings={path: digest.text() for path, digest in fields["listings"].entries()},
        machine=fields["machine"].text(),
        packages={name: version.text() for name, version in fields["packages"].entries()},
        reproduced=fields["reproduced"].whole(),
        settings=fields["settings"].text(),
        variables={name: digest.text() for name, digest in fields["variables"].entries()}
        if "variables" in fields
        else {},
    )


def from_fact(fact: Fact) -> object:
    """A fact of an environment, or of the evidence for a change of it, as JSON.

    Args:
        fact: the fact.

    Returns:
        A plain value, a list of texts or a group of plain values.
    """
    if isinstance(fact, Mapping):
        return {name: from_scalar(value) for name, value in fact.items()}
    return list(fact) if isinstance(fact, tuple) else fact


def to_facts(node: Node) -> dict[str, Fact]:
    """The facts in a document, by name.

    Args:
        node: the document.

    Returns:
        The facts.

    Raises:
        ArtifactError: one is no fact.
    """
    return {name: _to_fact(fact) for name, fact in node.entries()}


def _to_fact(node: Node) -> Fact:
    if isinstance(node.value, list):
        return tuple(item.text() for item in node.items())
    if isinstance(node.value, dict):  # here an object is a group of facts, never a number
        return {name: value.scalar() for name, value in node.entries()}
    return node.scalar()
