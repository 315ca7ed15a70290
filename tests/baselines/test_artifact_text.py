"""What a baseline file looks like, and that it comes back bit for bit."""

import json
import math

from baseline_examples import artifacts, bits, example
from hypothesis import given

from pytest_mlregress.baselines.artifact import Artifact, Spent
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.baselines.json_text import dumps, loads, seal


@given(artifacts)
def test_every_artifact_comes_back_bit_for_bit(artifact: Artifact) -> None:
    sealed = seal(artifact)

    again = loads(dumps(artifact), source="x.json")

    assert bits(again) == bits(sealed)
    assert again == sealed


@given(artifacts)
def test_the_text_is_a_function_of_the_artifact(artifact: Artifact) -> None:
    text = dumps(artifact)

    assert dumps(loads(text, source="x.json")) == text
    assert loads(text.encode(), source="x.json").edited is False


def test_each_seed_stands_on_its_own_line_and_the_file_ends_with_a_newline() -> None:
    lines = dumps(example((0.971, math.nan, math.inf))).split("\n")

    assert lines.count('        "0": 0.971,') == 2  # in the metric and in its anchor
    assert lines.count('        "1": "nan",') == 2
    assert lines.count('        "2": "inf"') == 2
    assert '      "0": [[0, 2.3], [10, 0.4]],' in lines  # a curve: one line per seed
    assert '    "command": ["pytest", "-m", "mlregress", "--mlregress-update"],' in lines
    assert lines[-1] == ""


def test_what_a_seed_took_stands_on_one_line_and_is_no_part_of_the_revision() -> None:
    spent = {0: Spent(duration=4.13, peak_memory=2**28), 1: Spent(duration=3.9, peak_gpu_memory=7)}
    text = dumps(example(spent=spent))

    assert text.split("\n")[-8:] == [
        '  "spent": {',
        '    "0": {"duration": 4.13, "peak_memory": 268435456},',
        '    "1": {"duration": 3.9, "peak_gpu_memory": 7, "peak_memory": null}',
        "  },",
        '  "test": "test_digits.py::test_digits",',
        '  "tier": "full"',
        "}",
        "",
    ]
    again = loads(text, source="x.json")
    assert again.spent == spent
    assert again.revision == example().revision
    assert not again.edited
    slower = loads(text.replace("4.13", "5.13"), source="x.json")
    assert not slower.edited
    assert slower.revision == again.revision


def test_the_text_is_json_with_sorted_keys_and_no_constants() -> None:
    def object_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
        keys = [key for key, _ in pairs]
        assert keys == sorted(keys)
        return dict(pairs)

    def constant(token: str) -> None:
        raise AssertionError(token)

    text = dumps(example((0.5, math.nan, -math.inf)))
    document = json.loads(text, object_pairs_hook=object_of, parse_constant=constant)

    assert document["schema"] == 4
    assert document["metrics"]["accuracy"]["values"] == {"0": 0.5, "1": "nan", "2": "-inf"}
    assert document["params"]["clip"] == {"float": "inf"}


def test_one_changed_value_changes_one_line_besides_the_revision() -> None:
    before = dumps(example((0.5, 0.6, 0.7))).split("\n")
    after = dumps(example((0.5, 0.6, 0.8))).split("\n")

    changed = [
        new.split(":")[0].strip() for old, new in zip(before, after, strict=True) if old != new
    ]

    assert changed == ['"2"', '"2"', '"revision"']  # the anchor of a first revision is its value


def test_the_revision_is_that_of_the_content() -> None:
    first, same, other = example((0.5,)), example((0.5,)), example((0.6,))

    assert first.revision == same.revision != other.revision
    assert len(first.revision) == 16


def test_a_file_edited_by_hand_is_known_as_edited() -> None:
    text = dumps(example((0.971, 0.968)))

    merged = loads(text.replace("0.968", "0.969"), source="x.json")

    assert merged.metrics["accuracy"].values == {0: 0.971, 1: 0.969}
    assert merged.edited
    assert merged.revision != example((0.971, 0.968)).revision
    assert not loads(dumps(merged), source="x.json").edited  # the next write sets it right


def test_reformatting_a_file_is_no_edit() -> None:
    text = dumps(example())

    assert not loads(json.dumps(json.loads(text), indent=8), source="x.json").edited


def test_numbers_of_other_libraries_become_plain_floats() -> None:
    np = __import__("numpy")
    metric = example().metrics["accuracy"]
    values = {np.int64(seed): np.float64(seed / 3) for seed in range(3)}

    artifact = first_artifact(
        "test_a.py::test",
        "full",
        {"accuracy": type(metric)(higher_is_better=True, values=values)},
        example().provenance,
    )

    plain = artifact.metrics["accuracy"].values
    assert {type(part) for item in plain.items() for part in item} == {int, float}
    assert loads(dumps(artifact), source="x.json") == artifact
