"""What a comparison of environments showed, as it is kept."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.baselines.artifact import LedgerEntry
from pytest_mlregress.revisions.environment_evidence import (
    FILE_NAME,
    ComparedTest,
    EnvironmentEvidence,
    read_evidence,
    write_evidence,
)

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ends = st.floats(allow_nan=False)
environments = st.fixed_dictionaries(
    {"cpu": names, "gpus": st.just([]), "packages": st.dictionaries(names, names, max_size=2)}
)
tests = st.builds(
    ComparedTest,
    test=names,
    tier=names,
    verdict=names,
    pairs=st.integers(0, 1000),
    base=environments,
    candidate=environments,
    effects=st.dictionaries(
        names, st.tuples(st.floats(allow_nan=False, allow_infinity=False), ends, ends), max_size=2
    ),
)
evidences = st.builds(
    EnvironmentEvidence,
    time=names,
    commit=names,
    diff_hash=st.none() | names,
    differences=st.lists(names, max_size=3).map(tuple),
    summary=names,
    tests=st.lists(tests, max_size=3).map(tuple),
)

TEST = ComparedTest(
    test="test_a.py::test_a",
    tier="default",
    verdict="pass",
    pairs=3,
    base={"cpu": "A"},
    candidate={"cpu": "B"},
    effects={"accuracy": (-0.002, -0.004, 0.001)},
)
EVIDENCE = EnvironmentEvidence(
    time="2026-03-01T12:00:00Z",
    commit="4041c47",
    diff_hash=None,
    differences=("CPU A -> B",),
    summary="the environments agree",
    tests=(TEST,),
)


@given(evidences)
def test_evidence_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, evidence: EnvironmentEvidence
) -> None:
    folder = tmp_path_factory.mktemp("cache")

    write_evidence(folder, evidence)

    assert read_evidence(folder) == evidence
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


@given(evidences.filter(lambda evidence: evidence.tests))
def test_the_ledger_takes_any_evidence(evidence: EnvironmentEvidence) -> None:
    """Plain values, in an order of their own."""
    kept = evidence.for_ledger(evidence.tests[0])

    entry = LedgerEntry(
        revision="", commit=None, time="", effects={}, reason="", kind="environment", evidence=kept
    )

    assert list(entry.evidence) == sorted(kept)
    assert len(kept["differences"]) <= 21  # type: ignore[arg-type]


def test_equal_evidence_has_one_label() -> None:
    assert EVIDENCE.label == replace(EVIDENCE).label
    assert EVIDENCE.label != replace(EVIDENCE, commit="9b1d001").label


def test_a_test_that_was_not_compared_has_none() -> None:
    assert EVIDENCE.of("test_a.py::test_a", "default") is TEST
    assert EVIDENCE.of("test_a.py::test_a", "full") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d.pop("commit"),
        lambda d: d.update(format=2),
        lambda d: d.update(tests=None),
        lambda d: d.update(commit=7),
        lambda d: d.update(environments=[]),
        lambda d: d["tests"][0].update(base="another"),
        lambda d: d["tests"][0].update(effects={"accuracy": ["nan", "0", "0"]}),
        lambda d: d["tests"][0].update(effects={"accuracy": ["1", "2"]}),
        lambda d: d["tests"][0].update(pairs="many"),
        lambda d: d["environments"].update(dict.fromkeys(d["environments"], "x")),
    ],
)
def test_a_damaged_file_is_no_evidence(tmp_path: Path, damage: object) -> None:
    write_evidence(tmp_path, EVIDENCE)
    document = json.loads((tmp_path / FILE_NAME).read_text())
    damage(document)  # type: ignore[operator]
    (tmp_path / FILE_NAME).write_text(json.dumps(document))

    assert read_evidence(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"\x00\xff", b"[" * 100_000, b"null"])
def test_anything_else_is_no_evidence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)

    assert read_evidence(tmp_path) is None
    assert read_evidence(tmp_path / "no folder") is None
