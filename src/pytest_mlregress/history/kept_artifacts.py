"""Baselines that the history keeps beside the verdicts that rest on them."""

from __future__ import annotations

from typing import Any

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.errors import ArtifactError
from pytest_mlregress.baselines.json_document import artifact_from
from pytest_mlregress.baselines.migrations import migrate
from pytest_mlregress.history.errors import HistoryError

__all__ = ["kept_artifact"]


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
