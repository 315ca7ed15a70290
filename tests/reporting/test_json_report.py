"""The JSON report is what its schema says, strict, and equal for equal runs."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import verdict_cases as cases

from pytest_mlregress.reporting.json_report import json_pieces, to_document, to_json
from pytest_mlregress.reporting.metric_text import shown_interval
from pytest_mlregress.running.result import SeedResult

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "report.schema.json").read_text())


def strict(schema):
    """The schema with no room for fields that it does not name."""
    if isinstance(schema, list):
        return [strict(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if "required" in schema and "properties" in schema:
        closed["additionalProperties"] = False
    return closed


def load(report):
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(to_json(report), parse_constant=refuse)


def only_test(*verdicts, **fields):
    return load(cases.a_run(*verdicts, **fields))["tests"][0]


def test_a_run_with_every_verdict_is_valid():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(strict(SCHEMA)).validate(load(cases.a_run()))


@pytest.mark.parametrize(
    "break_it",
    [
        lambda document: document.update(schema=1),
        lambda document: document["tests"][0].update(verdict="fine"),
        lambda document: document["tests"][0].pop("metrics"),
        lambda document: document["tests"][0]["seeds"][0].update(duration="long"),
        lambda document: document["summary"].update(seeds_run=-1),
    ],
)
def test_the_schema_refuses_what_is_not_a_report(break_it):
    document = load(cases.a_run())
    break_it(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(document)


_DOCUMENTED = ("code", "shard", "summary", "test", "metric", "seed", "since", "judged_with")


def test_every_field_is_documented():
    page = (DOCS / "report-schema.md").read_text()
    named = set(re.findall(r"`([a-z_]+)`", page))
    objects = [SCHEMA, *(SCHEMA["$defs"][name] for name in _DOCUMENTED)]
    assert {field for entry in objects for field in entry["properties"]} <= named


def example_run():
    """Two seeds a side, judged by a test that can decide with so few."""
    metric = cases.judged(
        candidate={0: 0.887, 1: 0.8872}, baseline={0: 0.93, 1: 0.9302}, test="student"
    )
    return cases.a_run(
        cases.verdict(
            cases.VerdictKind.REGRESSION,
            metric,
            seeds=cases.seed_results([metric], range(2)),
            planned=(0, 1),
            selected=(0, 1),
            decided_after=2,
            next_steps=("pytest tests/test_digits.py::test_digits --mlregress-update",),
            baseline_commit="c42af86",
        )
    )


def test_the_documented_example_is_what_is_written():
    page = (DOCS / "report-schema.md").read_text()
    example = json.loads(page.split("```json\n")[1].split("```")[0])
    assert rounded(example) == rounded(only_test(*example_run().verdicts))


def rounded(value):
    """Without the last digits, which are the platform's."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def test_the_figures_of_a_comparison():
    metric = only_test(cases.regression())["metrics"][0]
    assert metric["p_harm"] == pytest.approx(1 / 3003)
    assert metric["difference"] == pytest.approx(-0.0444)
    assert metric["interval"] == pytest.approx([-0.0481379, -0.040689], abs=1e-7)
    assert metric["interval_level"] == pytest.approx(0.98, abs=1e-3)
    assert metric["classical_interval"] == pytest.approx([-0.0472, -0.0416], abs=1e-4)
    assert metric["welch"]["statistic"] == pytest.approx(-35.5, abs=0.05)
    assert metric["baseline"]["mean"] == pytest.approx(0.9318)
    assert list(metric["candidate"]["values"].items())[:2] == [("0", 0.887), ("1", 0.89)]
    assert (metric["margin"], metric["declared_margin"], metric["alpha"]) == (0.01, 0.01, 0.01)


def test_what_was_not_compared_is_null():
    metric = only_test(cases.incomparable())["metrics"][0]
    assert [metric[name] for name in ("p_harm", "interval", "interval_level", "welch")] == [
        None
    ] * 4


def test_non_finite_numbers_are_strings():
    metric = cases.judged(candidate={0: math.inf, 1: -math.inf, 2: math.nan})
    values = only_test(cases.verdict(cases.VerdictKind.DIVERGED, metric))["metrics"][0]
    assert values["candidate"]["values"] == {"0": "inf", "1": "-inf", "2": "nan"}


def test_all_digits_of_a_number_survive():
    value = 0.1 + 0.2
    metric = cases.unjudged(cases.VerdictKind.RECORDED, candidate={0: value})
    written = only_test(cases.verdict(cases.VerdictKind.RECORDED, metric))
    assert written["metrics"][0]["candidate"]["values"]["0"] == value
    assert written["seeds"][0]["metrics"][0]["value"] == value


def test_the_order_in_which_tests_finished_does_not_show():
    run = cases.a_run()
    turned = cases.a_run(*reversed(run.verdicts))
    assert to_json(run) == to_json(turned)


def test_seeds_that_did_not_run_are_told():
    written = only_test(cases.identical())
    assert written["stopped"] == [2, 3, 4]
    assert written["decided_after"] == 2
    assert load(cases.a_run(cases.identical()))["summary"]["seeds_saved"] == 3


def test_settings_of_any_type_are_written(tmp_path):
    settings = {"b": (1, 2), "path": tmp_path, "a": {3, 1, 2}, "none": None, "x": math.inf}
    assert load(cases.a_run(settings=settings))["settings"] == {
        "a": [1, 2, 3],
        "b": [1, 2],
        "none": None,
        "path": str(tmp_path),
        "x": "inf",
    }


def test_a_message_with_bytes_that_are_no_text_is_still_json():
    seeds = (SeedResult(0, "failed", message="no such file: caf\udce9\n\x1b[31m"),)
    written = only_test(cases.passed(seeds=seeds))
    assert written["seeds"][0]["message"] == "no such file: caf\\udce9\n\x1b[31m"


@pytest.mark.parametrize("verdict", [cases.regression(), cases.minor(), cases.passed()])
def test_the_interval_is_the_one_that_is_shown(verdict):
    metric = verdict.metrics[0]
    *interval, level = shown_interval(metric)
    written = only_test(verdict)["metrics"][0]
    assert (written["interval"], written["interval_level"]) == (interval, level)


def test_no_interval_is_shown_of_what_is_not_finite():
    metric = cases.judged(candidate={0: math.inf, 1: 0.9, 2: 0.91})
    written = only_test(cases.verdict(cases.VerdictKind.DIVERGED, metric))["metrics"][0]
    assert (written["interval"], written["interval_level"]) == (None, None)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_pieces_are_the_text_of_the_whole_document(number):
    report = cases.a_run()
    report = replace(report, verdicts=report.verdicts[:number])
    whole = json.dumps(to_document(report), indent=2, allow_nan=False) + "\n"
    assert "".join(json_pieces(report)) == whole == to_json(report)
