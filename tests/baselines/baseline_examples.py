"""Artifacts for the tests of baselines: one small real one, and arbitrary ones."""

import math
import struct
from dataclasses import fields, is_dataclass
from pathlib import PurePosixPath

from hypothesis import strategies as st

from pytest_mlregress.baselines.artifact import (
    LEDGER_KINDS,
    Anchor,
    Artifact,
    LedgerEntry,
    MetricBaseline,
    PairedRun,
    Provenance,
    Spent,
)
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.baselines.paths import BaselineKey, artifact_path
from pytest_mlregress.baselines.recorded_reads import RecordedReads

TEST = "test_digits.py::test_digits"
KEY = BaselineKey(PurePosixPath("tests"), artifact_path(TEST, "full"))

PROVENANCE = Provenance(
    plugin="0.1.0",
    time="2026-03-01T12:00:00Z",
    commit="4f0c2d1",
    branch="main",
    command=("pytest", "-m", "mlregress", "--mlregress-update"),
    seeds=(0, 1, 2),
    environment={"cpu": "AMD EPYC", "gpus": [], "packages": {"torch": "2.13.0"}, "threads": 1},
)


def example(
    accuracy: tuple[float, ...] = (0.971, 0.968, 0.974),
    *,
    test: str = TEST,
    tier: str = "full",
    spent: dict[int, Spent] | None = None,
) -> Artifact:
    """A small baseline of one metric."""
    metric = MetricBaseline(
        higher_is_better=True, margin=0.01, values=dict(enumerate(accuracy)), resolution=1 / 360
    )
    return first_artifact(
        test,
        tier,
        {"accuracy": metric},
        PROVENANCE,
        curves={"loss": {0: ((0, 2.3), (10, 0.4)), 1: ((0, 2.2), (10, math.nan))}},
        params={"lr": 0.1, "clip": math.inf, "epochs": 3, "amsgrad": False, "schedule": None},
        data={"digits": "3f2a9c"},
        spent=spent or {},
    )


def bits(value: object) -> object:
    """The value with every float as its eight bytes, so that -0.0 and NaN compare exactly."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if is_dataclass(value):
        return {field.name: bits(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return [(type(key), key, bits(item)) for key, item in value.items()]
    if isinstance(value, tuple):
        return [bits(item) for item in value]
    return (type(value), value)


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
seeds = st.integers(0, 2**63)
numbers = st.floats()
by_seed = st.dictionaries(seeds, numbers, min_size=1, max_size=5)
scalars = st.none() | st.booleans() | st.integers() | numbers | names
hashes = st.none() | names
metrics = st.builds(
    MetricBaseline,
    higher_is_better=st.booleans(),
    values=by_seed,
    margin=st.none() | st.floats(0, allow_infinity=False),
    version=st.integers(0, 2**40),
    resolution=st.none() | st.floats(0, exclude_min=True, allow_infinity=False),
)
curves = st.dictionaries(st.integers(0, 10**6), numbers, max_size=4).map(
    lambda points: tuple(sorted(points.items()))
)
paired_runs = st.builds(
    PairedRun,
    commit=hashes,
    metrics=st.dictionaries(
        names,
        st.dictionaries(seeds, st.tuples(numbers, numbers), max_size=3).map(
            lambda pairs: tuple((seed, b, c) for seed, (b, c) in pairs.items())
        ),
        max_size=2,
    ),
)
finite_scalars = st.none() | st.booleans() | st.integers() | names
facts = st.dictionaries(
    names,
    finite_scalars
    | st.lists(names, max_size=2).map(tuple)
    | st.dictionaries(names, scalars, max_size=2),
    max_size=3,
)
texts = st.lists(names, max_size=3).map(tuple)
by_path = st.dictionaries(names, names, max_size=3)
reads = st.builds(
    RecordedReads,
    files=by_path,
    listings=by_path,
    variables=by_path,
    absent=texts,
    packages=by_path,
    settings=names,
    machine=names,
    reproduced=st.integers(0, 2),
    always_run=texts,
)
provenances = st.builds(
    Provenance,
    plugin=names,
    time=names,
    commit=hashes,
    branch=hashes,
    dirty=st.booleans(),
    diff_hash=hashes,
    command=st.lists(names, max_size=3).map(tuple),
    seeds=st.lists(seeds, max_size=3).map(tuple),
    environment=facts,
    reads=st.none() | reads,
)
artifacts = st.builds(
    Artifact,
    test=names,
    tier=names,
    metrics=st.dictionaries(names, metrics, max_size=3),
    provenance=provenances,
    parent=hashes,
    curves=st.dictionaries(names, st.dictionaries(seeds, curves, max_size=2), max_size=2),
    params=st.dictionaries(names, scalars, max_size=3),
    data=st.dictionaries(names, names, max_size=2),
    anchor=st.dictionaries(
        names, st.builds(Anchor, values=by_seed, commit=hashes, time=names), max_size=2
    ),
    ledger=st.lists(
        st.builds(
            LedgerEntry,
            revision=names,
            commit=hashes,
            time=names,
            effects=st.dictionaries(names, numbers, max_size=2),
            reason=names,
            anchored=st.lists(names, max_size=2).map(tuple),
            kind=st.sampled_from(LEDGER_KINDS),
            evidence=facts,
        ),
        max_size=2,
    ).map(tuple),
    pairing=st.lists(paired_runs, max_size=2).map(tuple),
    spent=st.dictionaries(
        seeds,
        st.builds(
            Spent,
            duration=st.floats(0, allow_infinity=False),
            peak_memory=st.none() | st.integers(0, 2**50),
            peak_gpu_memory=st.none() | st.integers(0, 2**50),
        ),
        max_size=3,
    ),
)
