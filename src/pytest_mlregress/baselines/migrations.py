"""Older file formats, made current by one explicit function per step.

A change of the format raises `artifact.SCHEMA` and adds the step from the version before to
`STEPS`. A step takes and returns the parsed document and does not look at its `schema`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

from pytest_mlregress.baselines.artifact import SCHEMA
from pytest_mlregress.baselines.command_line import recorded_command
from pytest_mlregress.baselines.errors import ArtifactError
from pytest_mlregress.baselines.urls import shareable, shareable_values

__all__ = ["STEPS", "Step", "migrate"]

Step = Callable[[dict[str, object]], dict[str, object]]
"""From a document of one schema to the same document in the next."""


def cleaned(document: dict[str, object]) -> dict[str, object]:
    """From 1 to 2: no whole command line, no credentials of a URL, no absolute path.

    Args:
        document: the parsed file of schema 1.

    Returns:
        The document; a part that is not of the format's shape is left for the reader to refuse.
    """
    clean = dict(document)
    provenance, params, ledger = (document.get(n) for n in ("provenance", "params", "ledger"))
    if isinstance(provenance, dict):
        clean["provenance"] = provenance | _clean_command(provenance.get("command"))
    if isinstance(params, dict):
        clean["params"] = shareable_values(params)
    if isinstance(ledger, list):
        clean["ledger"] = [_clean_entry(entry) for entry in ledger]
    return clean


def _clean_command(command: object) -> dict[str, object]:
    if isinstance(command, list) and all(isinstance(word, str) for word in command):
        return {"command": list(recorded_command(command))}
    return {}


def _clean_entry(entry: object) -> object:
    if isinstance(entry, dict) and isinstance(entry.get("reason"), str):
        return entry | {"reason": shareable(entry["reason"])}
    return entry


def with_unknown_reads(document: dict[str, object]) -> dict[str, object]:
    """From 2 to 3: what the seeds read was not recorded.

    Args:
        document: the parsed file of schema 2.

    Returns:
        The document; a provenance that is no object is left for the reader to refuse.
    """
    provenance = document.get("provenance")
    if not isinstance(provenance, dict):
        return document
    return {**document, "provenance": {"reads": None, **provenance}}


def with_unknown_spent(document: dict[str, object]) -> dict[str, object]:
    """From 3 to 4: what the seeds took was not recorded.

    Args:
        document: the parsed file of schema 3.

    Returns:
        The document.
    """
    return {**document, "spent": {}}


STEPS: Final[Mapping[int, Step]] = {1: cleaned, 2: with_unknown_reads, 3: with_unknown_spent}
"""The steps by the schema that they start from."""


def migrate(
    document: object,
    *,
    source: str,
    current: int = SCHEMA,
    steps: Mapping[int, Step] = STEPS,
) -> object:
    """The document in the current schema.

    Args:
        document: the parsed file.
        source: the file, as a message prints it.
        current: the schema that this package reads.
        steps: the known steps by the schema that they start from.

    Returns:
        The migrated document.

    Raises:
        ArtifactError: the schema is missing, newer than `current`, or too old for the steps.
    """
    if not isinstance(document, dict):
        return document
    schema = document.get("schema")
    if type(schema) is not int:
        raise ArtifactError(
            source,
            "$.schema",
            f"expected the version of the format, an integer, got {schema!r}",
            "Restore the file from version control, or record it again with --mlregress-update",
        )
    if schema > current:
        raise ArtifactError(source, "$.schema", *_too_new(document, schema, current))
    while schema < current:
        if schema not in steps:
            raise ArtifactError(
                source,
                "$.schema",
                f"schema {schema} is too old; this version reads {current} and can update from "
                f"{min(steps, default=current)}",
                "Record the baseline again with --mlregress-update",
            )
        document = {**steps[schema](document), "schema": schema + 1}
        schema += 1
    return document


def _too_new(document: dict[str, object], schema: int, current: int) -> tuple[str, str]:
    provenance = document.get("provenance")
    plugin = provenance.get("plugin") if isinstance(provenance, dict) else None
    if isinstance(plugin, str) and re.fullmatch(r"[0-9][0-9a-z.+]{0,30}", plugin):
        return (
            f"schema {schema} was written by pytest-mlregress {plugin}; "
            f"this version reads {current}",
            f"Install it with: pip install 'pytest-mlregress>={plugin}'",
        )
    return (
        f"schema {schema} is newer than {current}, the newest that this version reads",
        "Install a newer one with: pip install --upgrade pytest-mlregress",
    )
