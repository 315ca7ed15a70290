"""A file that is not as the package wrote it is refused, by name and with a remedy."""

import json
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from baseline_examples import example
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline
from pytest_mlregress.baselines.errors import ArtifactError
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.baselines.json_text import dumps, loads

TEXT = dumps(example())
FROM_VERSION_CONTROL = (
    "Restore the file from version control, or remove it and record the baseline again with "
    "--mlregress-update"
)


ENTRY = {
    "anchored": [],
    "commit": None,
    "effects": {},
    "reason": "",
    "revision": "",
    "time": "",
}


def changed(change: Callable[[dict], object]) -> str:
    document = json.loads(TEXT)
    change(document)
    return json.dumps(document)


def accuracy(document: dict) -> dict:
    return document["metrics"]["accuracy"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: accuracy(d)["values"].update({"1": "high"}),
            'at $.metrics.accuracy.values.1: expected a number, or "nan", "inf" or "-inf", '
            "got 'high'",
        ),
        (
            lambda d: accuracy(d)["values"].update({"1": True}),
            'at $.metrics.accuracy.values.1: expected a number, or "nan", "inf" or "-inf", '
            "got True",
        ),
        (
            lambda d: accuracy(d)["values"].update({"1": None}),
            'at $.metrics.accuracy.values.1: expected a number, or "nan", "inf" or "-inf", '
            "got None",
        ),
        (
            lambda d: accuracy(d)["values"].update({"1": 10**400}),
            "at $.metrics.accuracy.values.1: expected a number within the range of a float, "
            "got 1" + "0" * 56 + "...",
        ),
        (
            lambda d: accuracy(d)["values"].update({"01": 0.5}),
            "at $.metrics.accuracy.values.01: expected a seed (a whole number from 0) as the key, "
            "got 0.5",
        ),
        (
            lambda d: accuracy(d)["values"].update({"-1": 0.5}),
            'at $.metrics.accuracy.values["-1"]: expected a seed (a whole number from 0) as the '
            "key, got 0.5",
        ),
        (
            lambda d: accuracy(d).update(values={}),
            "at $.metrics.accuracy.values: expected the value of at least one seed, got {}",
        ),
        (
            lambda d: accuracy(d).update(margin=-0.01),
            "at $.metrics.accuracy.margin: expected a finite margin from 0, or null, got -0.01",
        ),
        (
            lambda d: accuracy(d).update(margin="inf"),
            "at $.metrics.accuracy.margin: expected a finite margin from 0, or null, got 'inf'",
        ),
        (
            lambda d: accuracy(d).update(resolution=0),
            "at $.metrics.accuracy.resolution: expected a finite resolution above 0, or null, "
            "got 0",
        ),
        (
            lambda d: accuracy(d).update(version=True),
            "at $.metrics.accuracy.version: expected a whole number from 0, got True",
        ),
        (
            lambda d: accuracy(d).update(higher_is_better=1),
            "at $.metrics.accuracy.higher_is_better: expected true or false, got 1",
        ),
        (
            lambda d: d["curves"]["loss"].update({"0": [[10, 1.0], [10, 2.0]]}),
            "at $.curves.loss.0[1][0]: expected a step after 10, got 10",
        ),
        (
            lambda d: d["curves"]["loss"].update({"0": [[10]]}),
            "at $.curves.loss.0[0]: expected a point [step, value], got [10]",
        ),
        (
            lambda d: d["params"].update({"top 5": [1]}),
            'at $.params["top 5"]: expected a string, a number, true, false or null, got [1]',
        ),
        (
            lambda d: d["data"].update(digits=3),
            "at $.data.digits: expected a string of valid Unicode text, got 3",
        ),
        (
            lambda d: d.update(tier="\ud800"),
            r"at $.tier: expected a string of valid Unicode text, got '\ud800'",
        ),
        (
            lambda d: d.update(pairing=[{"commit": None, "metrics": {"a": [[0, 1.0, 2.0]] * 2}}]),
            "at $.pairing[0].metrics.a: expected one pair per seed, "
            "got [[0, 1.0, 2.0], [0, 1.0, 2.0]]",
        ),
        (
            lambda d: d["provenance"].update(seeds=[0, -1]),
            "at $.provenance.seeds[1]: expected a whole number from 0, got -1",
        ),
        (lambda d: d.update(metrics=[]), "at $.metrics: expected an object, got []"),
        (
            lambda d: d.update(ledger=[{**ENTRY, "kind": "gift"}]),
            "at $.ledger[0].kind: expected one of update, rebase, environment, got 'gift'",
        ),
        (
            lambda d: d.update(ledger=[{**ENTRY, "evidence": {"pairs": {"accuracy": []}}}]),
            "at $.ledger[0].evidence.pairs.accuracy: expected a string, a number, true, false or "
            "null, got []",
        ),
        (lambda d: d.update(ledger={}), "at $.ledger: expected a list, got {}"),
        (lambda d: d.pop("anchor"), "at $: the field 'anchor' is missing"),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_the_remedy(
    change: Callable[[dict], object], message: str
) -> None:
    with pytest.raises(ArtifactError) as refused:
        loads(changed(change), source="tests/__baselines__/a.json")

    assert str(refused.value) == f"tests/__baselines__/a.json: {message}. {FROM_VERSION_CONTROL}"


def test_an_unknown_field_is_refused_because_it_may_be_a_misspelt_one() -> None:
    text = changed(lambda d: accuracy(d).update(higher_is_beter=False))

    with pytest.raises(ArtifactError) as refused:
        loads(text, source="a.json")

    assert refused.value.path == "$.metrics.accuracy.higher_is_beter"
    assert refused.value.remedy == "Remove it"


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("", "it is not valid JSON: Expecting value: line 1 column 1 (char 0)", "Restore"),
        (TEXT[: len(TEXT) // 2], "it is not valid JSON: ", "Restore"),
        (b"\xff\xfe{}", "byte 0 is not UTF-8", "Restore"),
        (b'{"schema": 1, "test": "\xc3"}', "byte 23 is not UTF-8", "Restore"),
        ("\ufeff" + TEXT, "it is not valid JSON: Unexpected UTF-8 BOM", "Restore"),
        ("[]", "expected an object, got []", "Restore"),
        ("[" * 1_000_000, "it is nested too deeply to be a baseline", "Restore"),
        ('{"a":' * 1_000_000, "it is nested too deeply to be a baseline", "Restore"),
        ('{"schema": ' + "1" * 5000 + "}", "it is not valid JSON: Exceeds the limit", "Restore"),
        (
            TEXT.replace("0.968", "NaN"),
            "NaN is not JSON",
            'Write non-finite values as strings, here "nan"',
        ),
        (
            TEXT.replace("0.968", "-Infinity"),
            "-Infinity is not JSON",
            'Write non-finite values as strings, here "-inf"',
        ),
        (
            TEXT.replace("0.968", "1e999"),
            "1e999 is beyond the range of a float",
            'Write "inf" or "-inf" if intended',
        ),
        (
            TEXT.replace('"1": 0.968', '"0": 0.968'),
            "the key '0' stands twice in one object",
            "Keep the right one of the two",
        ),
        (
            TEXT.replace('  "tier"', '<<<<<<< HEAD\n  "tier"'),
            "it holds a merge conflict",
            "Take one side whole (git checkout --ours or --theirs, then git add)",
        ),
    ],
    ids=range(14),
)
def test_what_is_no_json_of_ours_is_refused(text: str | bytes, problem: str, remedy: str) -> None:
    with pytest.raises(ArtifactError) as refused:
        loads(text, source="a.json")

    assert str(refused.value).startswith(f"a.json: at $: {problem}")
    assert refused.value.remedy.startswith(remedy)


def test_a_hand_written_whole_number_is_a_number() -> None:
    text = changed(lambda d: accuracy(d)["values"].update({"1": 1}))

    value = loads(text, source="a.json").metrics["accuracy"].values[1]

    assert type(value) is float
    assert value == 1.0


@pytest.mark.parametrize(
    ("metric", "params", "path"),
    [
        ({"values": {}}, {}, "$.metrics.accuracy.values"),
        ({"values": {-1: 0.5}}, {}, '$.metrics.accuracy.values["-1"]'),
        ({"values": {0: 0.5}, "margin": float("nan")}, {}, "$.metrics.accuracy.margin"),
        ({"values": {0: 0.5}}, {"lr": [0.1]}, "$.params.lr"),
        ({"values": {0: 0.5}}, {"lr": "\ud800"}, "$.params.lr"),
    ],
)
def test_what_could_not_be_read_back_is_never_written(
    metric: dict, params: dict, path: str
) -> None:
    with pytest.raises(ArtifactError) as refused:
        first_artifact(
            "test_a.py::test_a",
            "full",
            {"accuracy": MetricBaseline(higher_is_better=True, **metric)},
            example().provenance,
            params=params,
        )

    assert refused.value.source == "baseline of test_a.py::test_a"
    assert refused.value.path == path


@given(st.randoms(use_true_random=False), st.integers(1, 6))
@settings(max_examples=400)
def test_a_damaged_file_is_an_artifact_or_an_artifact_error(
    chance: random.Random, mutations: int
) -> None:
    damaged = bytearray(TEXT.encode())
    for _ in range(mutations):
        place = chance.randrange(len(damaged))
        kind = chance.randrange(4)
        if kind == 0:
            damaged[place] = chance.randrange(256)
        elif kind == 1:
            del damaged[place : place + chance.randrange(1, 30)]
        elif kind == 2:
            damaged[place:place] = bytes(chance.randrange(256) for _ in range(3))
        else:
            other = chance.randrange(len(damaged))
            damaged[place:place] = damaged[other : other + 20]

    try:
        artifact = loads(bytes(damaged), source="a.json")
    except ArtifactError as error:
        assert str(error).startswith("a.json: at $")  # noqa: PT017 - either way is right
    else:
        assert isinstance(artifact, Artifact)
        assert loads(dumps(artifact), source="a.json") == artifact


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.data(), json_values)
@settings(max_examples=300)
def test_any_json_value_in_any_place_is_an_artifact_or_an_artifact_error(
    data: st.DataObject, value: object
) -> None:
    document = json.loads(TEXT)
    place: dict | list = document
    while True:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            place[key] = value
            break
        place = inner

    try:
        loads(json.dumps(document), source="a.json")
    except ArtifactError as error:
        assert error.source == "a.json"  # noqa: PT017 - either way is right


def test_an_integer_beyond_pythons_limit_on_digits_is_refused() -> None:
    artifact = replace(example(), params={"depth": 10**5000})

    with pytest.raises(ArtifactError) as refused:
        dumps(artifact)

    assert str(refused.value) == (
        "baseline of test_digits.py::test_digits: at $.params.depth: an integer has at most 2000 "
        "bits, this one 16610. Log it as a string or a float"
    )
