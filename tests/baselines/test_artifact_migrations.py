"""Older formats are migrated step by step, newer ones refused with the version needed."""

import hashlib
import json
import math
import re
from contextlib import suppress
from dataclasses import replace

import pytest
from baseline_examples import bits, example
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.baselines.artifact import Artifact, LedgerEntry
from pytest_mlregress.baselines.errors import ArtifactError
from pytest_mlregress.baselines.json_text import dumps, loads, seal
from pytest_mlregress.baselines.migrations import STEPS, migrate


def renamed(document: dict[str, object]) -> dict[str, object]:
    """A step as a later version may need it: a field gets another name."""
    return {("metrics" if name == "measures" else name): v for name, v in document.items()}


def with_note(document: dict[str, object]) -> dict[str, object]:
    return {**document, "note": ""}


def of_schema(number: int, artifact: Artifact) -> str:
    """The file as it was written in schema 1, 2 or 3."""
    text = dumps(artifact).replace('"schema": 4', f'"schema": {number}')
    text = text.replace('  "spent": {},\n', "")
    if number < 3:
        text = text.replace('    "reads": null,\n', "")
    lines = text.removesuffix("\n").split("\n")
    place = next(i for i, line in enumerate(lines) if line.startswith('  "revision"'))
    content = "\n".join(lines[:place] + lines[place + 1 :])
    revision = hashlib.sha256(content.encode()).hexdigest()[:16]
    lines[place] = f'  "revision": "{revision}",'
    return "\n".join(lines) + "\n"


def of_schema_1(artifact: Artifact) -> str:
    return of_schema(1, artifact)


def entry(reason: str) -> LedgerEntry:
    return LedgerEntry(
        revision="4f0c2d1e", commit=None, time="2026-03-01T12:00:00Z", effects={}, reason=reason
    )


def nested(parts: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    words = st.sampled_from(["command", "reason", "float", "x"])
    return st.lists(parts, max_size=3) | st.dictionaries(words, parts, max_size=3)


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


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_a_migrated_file_keeps_its_revision_and_was_not_edited(schema: int) -> None:
    # Otherwise its successors' `parent` would name a revision that no file ever had.
    text = of_schema(schema, example())

    artifact = loads(text, source="a.json")

    assert artifact.revision == json.loads(text)["revision"]
    assert not artifact.edited
    assert dumps(artifact) == dumps(example())
    assert not loads(dumps(artifact), source="a.json").edited


def test_reformatting_a_file_of_an_older_schema_is_no_edit() -> None:
    text = json.dumps(json.loads(of_schema_1(example())), indent=8)

    assert not loads(text, source="a.json").edited


def test_an_older_file_that_was_changed_by_hand_is_known_as_edited() -> None:
    text = of_schema_1(example((0.971, 0.968))).replace("0.968", "0.969")

    artifact = loads(text, source="a.json")

    assert artifact.edited
    assert artifact.revision == seal(artifact).revision


def test_the_first_schema_is_cleaned_of_secrets_and_of_this_machine() -> None:
    command = ["/home/alice/venv/bin/python", "-m", "pytest", "tests/test_digits.py"]
    command += ["-m", "mlregress", "--api-token=tok-1", "--auth", "tok-2", "tok-3"]
    command += ["--mlregress-update", "--mlregress-baseline=s3://me:p/w@bucket/b?token=tok-4"]
    old = replace(
        example(),
        provenance=replace(example().provenance, command=tuple(command)),
        params={"data": "/home/alice/data.csv", "lr": 0.1, "clip": math.inf},
        ledger=(entry("see https://tok-5@host/x?k=tok-6 and /home/alice/log.txt"),),
    )

    artifact = loads(of_schema_1(old), source="a.json")

    assert artifact.provenance.command == (
        *("pytest", "tests/test_digits.py", "-m", "mlregress", "--mlregress-update"),
        "--mlregress-baseline=s3://bucket/b",
    )
    assert artifact.params == {"clip": math.inf, "data": ".../data.csv", "lr": 0.1}
    assert artifact.ledger[0].reason == "see https://host/x and .../log.txt"
    assert artifact.ledger[0].revision == "4f0c2d1e"
    assert not re.search("alice|tok-", dumps(artifact))
    assert bits(artifact.metrics) == bits(old.metrics)
    assert bits(artifact.anchor) == bits(old.anchor)


@given(st.recursive(st.none() | st.text() | st.integers(), nested, max_leaves=6))
def test_parts_of_any_shape_are_refused_and_never_end_a_migration(part: object) -> None:
    for name in ("provenance", "params", "ledger"):
        document = json.loads(of_schema_1(example())) | {name: part}
        with suppress(ArtifactError):
            loads(json.dumps(document), source="a.json")


@pytest.mark.parametrize(
    ("schema", "plugin", "message"),
    [
        (
            5,
            "0.9.0",
            "a.json: at $.schema: schema 5 was written by pytest-mlregress 0.9.0; this version "
            "reads 4. Install it with: pip install 'pytest-mlregress>=0.9.0'",
        ),
        (
            7,
            "1'; rm -rf ~; '",
            "a.json: at $.schema: schema 7 is newer than 4, the newest that this version reads. "
            "Install a newer one with: pip install --upgrade pytest-mlregress",
        ),
        (
            0,
            "0.0.1",
            "a.json: at $.schema: schema 0 is too old; this version reads 4 and can update from "
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
