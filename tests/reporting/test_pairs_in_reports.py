"""What reports say of live pairs: the base, the pairs, and how far two runs of one side differ."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from pytest_mlregress.reporting.failure_text import failure_text
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.html.page import to_html
from pytest_mlregress.reporting.json_report import to_document
from pytest_mlregress.reporting.markdown.page import to_markdown
from pytest_mlregress.reporting.number_format import numbers
from pytest_mlregress.reporting.plan_table import plan_table
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.summary import summary_table
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.live_pairs import judge_live_pairs
from pytest_mlregress.verdicts.pair_plan import plan_pairs
from pytest_mlregress.verdicts.plan import plan_suite
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import Verdict
from tests.judge_cases import PROVENANCE, ended, group, group_of, metric, normal, passed

RULES = Rules(alpha=0.05, base_label="main (4041c47)")
BASE = normal(5, seed=0)


def verdict_of(candidate: Mapping[int, float]) -> Verdict:
    found = judge_live_pairs(group_of(candidate), group_of(BASE), PROVENANCE, RULES)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def regression() -> Verdict:
    lost = {seed: value - 0.05 - seed / 10_000 for seed, value in BASE.items()}
    return verdict_of(lost)


def test_the_failure_text_speaks_of_the_base_and_its_pairs(regression: Verdict) -> None:
    lines = failure_text(regression, width=100).splitlines()
    assert lines[0] == (
        "accuracy regressed: 0.9000 -> 0.8498 (-0.0502 [-0.0503, -0.0500]), margin 0.0459, "
        "p = 0.0067"
    )
    assert "  base        mean 0.9000, SD 0.0100, 5 seeds" in lines
    assert ("  A/A         two runs of the same code differ by up to 0.0146 (95 %)") in lines
    assert "  difference  -0.0502 [-0.0503, -0.0500] (now - base, 85 % confidence)" in lines
    assert "              together: sign flips p = 0.031, two samples p = 0.004" in lines
    assert "pairs         verdict after 5 of 5 planned; 10 s of training" in lines
    assert "base          main (4041c47)" in lines
    assert "baseline" not in failure_text(regression)


def test_the_headline_names_the_base(regression: Verdict) -> None:
    assert headline(regression).endswith(", 5 pairs with main (4041c47)")
    assert headline(verdict_of(BASE)) == "identical in 2 pairs"


def test_no_base_is_no_missing_baseline() -> None:
    base = group(5)
    base.unavailable = "main (4041c47) has no tests/test_fit.py"
    found = judge_live_pairs(group_of(BASE), base, PROVENANCE, RULES)
    assert found is not None
    assert headline(found) == "no base to compare with: main (4041c47) has no tests/test_fit.py"
    lines = summary_table(RunReport((found,))).splitlines()
    assert "  main (4041c47) has no tests/test_fit.py" in lines


def test_every_table_has_the_spread_of_one_side(regression: Verdict) -> None:
    identical = verdict_of(BASE)
    report = RunReport((regression, identical))
    lines = summary_table(report, width=100).splitlines()
    assert lines[0].split() == [
        *("metric", "base", "->", "now", "difference", "[85", "%]", "A/A", "p", "margin")
    ]
    rows = [line for line in lines if line.startswith("  accuracy")]
    assert len(rows) == 2
    assert all("+-" in row for row in rows)
    assert any("5/5 pairs" in line for line in lines)
    markdown = to_markdown(report)
    assert "| base → now |" in markdown
    assert markdown.count("A/A +-") == 2
    page = to_html(report)
    assert '<th scope="col">base → now' in page
    assert "A/A ±" in page
    assert "A/A ±" in page.replace("A/A ±", "", 1)


def test_the_json_report_has_both_p_values(regression: Verdict) -> None:
    (test,) = to_document(RunReport((regression,)))["tests"]
    (in_json,) = test["metrics"]
    assert in_json["pairs"] == {"p_sign_flips": 1 / 32, "p_two_samples": 1 / 252}
    assert in_json["same_side_spread"] == pytest.approx(0.0146, abs=5e-5)
    assert len(test["base_seeds"]) == 5


def test_a_plan_of_pairs_needs_no_baseline() -> None:
    rules = Rules(alpha=0.0025)
    plan = plan_suite((plan_pairs("t.py::test", "default", 5, rules),), alpha=0.05, comparisons=20)
    lines = plan_table(plan, width=200).splitlines()
    assert lines[0] == "t.py::test: at most 5 pairs"
    assert lines[1] == (
        "  looks after 2, 3, 5 pairs, each one training on both sides; two bit-equal pairs are "
        "identical (4 at least for a metric of few values)"
    )
    assert (
        "  5 pairs: sign flips reach 1/32 = .031 and two samples 1/252 = .0040, this suite's level "
        "is .0025: 9 pairs (--mlregress-seeds=9)"
    ) in lines
    assert lines[-1] == "1 test, which share alpha 0.05: at most 5 pairs, that is 10 trainings"
    assert "metric" not in lines[0]
    once = plan_pairs("t.py::test", "default", 1, Rules(alpha=0.05, deterministic=True))
    assert once.pairs == (
        "deterministic: one pair is compared bit for bit, and any change is found",
    )


def test_one_failed_seed_is_of_all_that_ran() -> None:
    seeds = [passed(0, metric(0.9)), passed(1, metric(0.91)), ended(2, "failed")]
    found = judge_live_pairs(group(5, *seeds), group_of(BASE), PROVENANCE, RULES)
    assert found is not None
    assert headline(found).startswith("1 of 3 seeds failed: seed 2: ")


def test_a_base_that_has_failed_is_told_once() -> None:
    base = group(5)
    base.unavailable = "main (4041c47) has no tests/test_fit.py"
    found = judge_live_pairs(group(5, SeedResult(0, "finished")), base, PROVENANCE, RULES)
    assert found is not None
    text = summary_table(RunReport((found,)), width=200)
    assert text.count("has no tests/test_fit.py") == 1


def test_nearly_constant_values_have_few_digits() -> None:
    values = (-0.0500000000000002, -0.0500000000000000, -0.0500000000000001)
    assert numbers(values, signed=True, rounding=True) == ("-0.05",) * 3
    spreads = (0.031397928808529027, 0.03139792880852904)
    assert numbers(spreads, digits=2, rounding=True) == ("0.031",) * 2
    assert numbers((0.0, math.nan, 0.12345), rounding=True) == ("0.000", "nan", "0.123")
