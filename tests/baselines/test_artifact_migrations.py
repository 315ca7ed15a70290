"""Older formats are migrated step by step, newer ones refused with the version needed."""

import hashlib
import json
from functools import partial

import pytest
from baseline_examples import example

from pytest_mlregress.baselines import encoding
from pytest_mlregress.baselines.encoding import dumps, loads
from pytest_mlregress.baselines.errors import ArtifactError
from pytest_mlregress.baselines.migrations import STEPS, migrate


def renamed(document: dict[str, object]) -> dict[str, object]:
    """A step as a later version may need it: a field gets another name."""
    return {("metrics" if name == "measures" else name): v for name, v in document.items()}


def with_note(document: dict[str, object]) -> dict[str, object]:
    return {**document, "note": ""}


def test_a_document_goes_through_every_step_in_order() -> None:
    old = {"schema": 1, "measures": {"accuracy": {}}}

    new = migrate(old, source="a.json", current=3, steps={1: renamed, 2: with_note})

    assert new == {"schema": 3, "metrics": {"accuracy": {}}, "note": ""}
    assert old == {"schema": 1, "measures": {"accuracy": {}}}


def test_a_document_of_the_current_schema_is_left_alone() -> None:
    document = {"schema": 2, "measures": {}}

    assert migrate(document, source="a.json", current=2, steps={1: renamed}) is document


def test_the_steps_lead_from_the_first_schema_to_the_current_one() -> None:
    schema = json.loads(dumps(example()))["schema"]

    assert sorted(STEPS) == list(range(1, schema))


def test_a_migrated_file_keeps_its_revision_and_was_not_edited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Otherwise its successors' `parent` would name a revision that no file ever had.
    lines = dumps(example()).replace('"schema": 1', '"schema": 0').removesuffix("\n").split("\n")
    place = next(i for i, line in enumerate(lines) if line.startswith('  "revision"'))
    content = "\n".join(lines[:place] + lines[place + 1 :])
    revision = hashlib.sha256(content.encode()).hexdigest()[:16]
    lines[place] = f'  "revision": "{revision}",'
    monkeypatch.setattr(encoding, "migrate", partial(migrate, steps={0: dict}))

    artifact = loads("\n".join(lines) + "\n", source="a.json")

    assert artifact.revision == revision
    assert not artifact.edited


@pytest.mark.parametrize(
    ("schema", "plugin", "message"),
    [
        (
            2,
            "0.9.0",
            "a.json: at $.schema: schema 2 was written by pytest-mlregress 0.9.0; this version "
            "reads 1. Install it with: pip install 'pytest-mlregress>=0.9.0'",
        ),
        (
            7,
            "1'; rm -rf ~; '",
            "a.json: at $.schema: schema 7 is newer than 1, the newest that this version reads. "
            "Install a newer one with: pip install --upgrade pytest-mlregress",
        ),
        (
            0,
            "0.0.1",
            "a.json: at $.schema: schema 0 is too old; this version reads 1 and can update from "
            "1. Record the baseline again with --mlregress-update",
        ),
        (
            True,
            "0.1.0",
            "a.json: at $.schema: expected the version of the format, an integer, got True. "
            "Restore the file from version control, or record it again with --mlregress-update",
        ),
        (
            None,
            "0.1.0",
            "a.json: at $.schema: expected the version of the format, an integer, got None. "
            "Restore the file from version control, or record it again with --mlregress-update",
        ),
    ],
)
def test_a_schema_that_cannot_be_read_names_what_can(
    schema: object, plugin: str, message: str
) -> None:
    document = json.loads(dumps(example()))
    document["schema"] = schema
    document["provenance"]["plugin"] = plugin
    document["of a later version"] = []

    with pytest.raises(ArtifactError) as refused:
        loads(json.dumps(document), source="a.json")

    assert str(refused.value) == message
