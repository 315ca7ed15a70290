"""Baselines that the history keeps beside the verdicts that rest on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.errors import ArtifactError
from pytest_mlregress.baselines.json_document import artifact_from
from pytest_mlregress.baselines.migrations import migrate
from pytest_mlregress.history.errors import HistoryError

__all__ = ["earlier_revisions", "kept_artifact"]

_REVISIONS: Final = 12
"""Earlier revisions that are looked up."""


def kept_artifact(document: Any, revision: str) -> Artifact:
    """The artifact of a document, whichever version wrote it.

    Args:
        document: builtins.
        revision: its revision, for messages.

    Returns:
        The artifact.

    Raises:
        HistoryError: this version cannot read it.
    """
    source = f"baseline {revision}"
    try:
        return artifact_from(migrate(document, source=source), source=source)
    except ArtifactError as error:
        raise HistoryError(
            "the history",
            str(error).rstrip("."),
            "Upgrade pytest-mlregress, or leave such runs out with --since",
        ) from None


def earlier_revisions(artifact: Artifact, baseline: Callable[[str], Any]) -> tuple[Artifact, ...]:
    """The revisions that a baseline replaced one after the other, as far as they are kept.

    Args:
        artifact: the baseline.
        baseline: gives the document of a baseline by its revision, None where it is not there.

    Returns:
        The latest first, at most twelve; they end where one is not kept.

    Raises:
        HistoryError: the history, or a revision in it, cannot be read.
    """
    found: list[Artifact] = []
    while artifact.parent and len(found) < _REVISIONS:
        document = baseline(artifact.parent)
        if document is None:
            break
        artifact = kept_artifact(document, artifact.parent)
        found.append(artifact)
    return tuple(found)
