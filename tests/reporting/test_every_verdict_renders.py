"""Whatever a verdict holds, every report can be written, and no line is too long."""

import dataclasses
import json
from pathlib import Path

import jsonschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from pytest_mlregress.reporting.failure_text import failure_text
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.html.page import to_html
from pytest_mlregress.reporting.json_report import to_json
from pytest_mlregress.reporting.markdown.page import to_markdown
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.short_failure_text import MOST_LINES, short_failure_text
from pytest_mlregress.reporting.summary import summary_table
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.running.seed_outcome import SEED_OUTCOMES
from pytest_mlregress.statistics.acceptance import Safety
from pytest_mlregress.statistics.comparison import Comparison
from pytest_mlregress.statistics.t_tests import TTestResult
from pytest_mlregress.verdicts.since import Since
from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict, VerdictKind

numbers = st.floats() | st.sampled_from([0.0, -0.0, 0.93, 0.87, 1e-9])
texts = st.text(max_size=60) | st.sampled_from(
    ["accuracy", "val/très_long_metric_name", "模型精度" * 9, "\x1b[31mred", "a\nb", "x" * 300]
)
text_tuples = st.lists(texts, max_size=2).map(tuple)
seeds = st.integers(0, 10**6) | st.integers(0, 9)
samples = st.dictionaries(seeds, numbers, max_size=8)
kinds = st.sampled_from(list(VerdictKind))
margins = numbers | st.sampled_from(["auto", "1%", "1sd"])

comparisons = st.builds(
    Comparison,
    **{entry.name: numbers for entry in dataclasses.fields(Comparison)}
    | {
        "verdict": st.just("pass"),
        "reasons": text_tuples,
        "interval": st.tuples(numbers, numbers),
        "test": st.sampled_from(["robust-t", "rank"]),
        "safety": st.builds(Safety, numbers, numbers, numbers, numbers),
        "welch": st.builds(
            TTestResult, numbers, numbers, numbers, st.just("welch"), st.just("two-sided")
        ),
        "higher_is_better": st.booleans(),
    }
    | {
        name: st.integers(0, 99)
        for name in ("n_baseline", "n_candidate", "failed_baseline", "failed_candidate")
    },
)
metric_verdicts = st.builds(
    MetricVerdict,
    name=texts,
    kind=kinds,
    higher_is_better=st.booleans(),
    declared=margins,
    alpha=numbers,
    baseline=samples,
    candidate=samples,
    comparison=st.none() | comparisons,
    reasons=text_tuples,
    notes=text_tuples,
)
seed_results = st.builds(
    SeedResult,
    seed=seeds,
    outcome=st.sampled_from(sorted(SEED_OUTCOMES)),
    metrics=st.lists(
        st.builds(RecordedMetric, texts, numbers, st.booleans(), margins), max_size=2
    ).map(tuple),
    params=st.dictionaries(texts, numbers | texts | st.none(), max_size=2),
    duration=st.floats(0, 1e6),
    message=texts,
    captured=texts,
    traceback=texts,
)
sinces = st.builds(
    Since,
    commit=texts,
    date=st.just("2026-03-12") | texts,
    commits=st.none() | st.integers(0, 99),
    uncommitted=text_tuples,
)
seed_lists = st.lists(seeds, max_size=6, unique=True).map(tuple)
verdicts = st.builds(
    Verdict,
    test=texts,
    tier=st.just("default") | texts,
    kind=kinds,
    colour=st.sampled_from(list(Colour)),
    metrics=st.lists(metric_verdicts, max_size=3).map(tuple),
    seeds=st.lists(seed_results, max_size=4).map(tuple),
    planned=seed_lists,
    selected=seed_lists,
    decided_after=st.integers(0, 20),
    reasons=text_tuples,
    notes=text_tuples,
    next_steps=text_tuples,
    environment=text_tuples,
    baseline_commit=st.none() | texts,
    since=st.none() | sinces,
)
reports = st.builds(
    RunReport,
    verdicts=st.lists(verdicts, max_size=3).map(tuple),
    settings=st.dictionaries(texts, numbers | texts | st.none() | text_tuples, max_size=3),
    notes=text_tuples,
    comparisons=st.integers(0, 1000),
    alpha=numbers,
    duration=st.floats(0, 1e6),
    started=texts,
    command=texts,
)

SCHEMA = jsonschema.Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text())
)

few = settings(max_examples=60, suppress_health_check=list(HealthCheck))


def assert_fits(text: str, width: int) -> None:
    """No line is wider, but for one word that a shell or a reader needs whole."""
    for line in text.split("\n"):
        assert cell_len(line) <= width or len(line.removesuffix(" \\").split()) == 1, line
        assert line.isprintable(), line


@few
@given(verdicts, st.integers(40, 200))
def test_as_a_failure_text(verdict: Verdict, width: int) -> None:
    assert_fits(failure_text(verdict, width=width), width)
    assert headline(verdict).isprintable()


@few
@given(verdicts, st.integers(40, 200))
def test_as_a_short_failure_text(verdict: Verdict, width: int) -> None:
    text = short_failure_text(verdict, width=width)
    assert_fits(text, width)
    assert len(text.splitlines()) <= MOST_LINES
    assert all(line.strip() for line in text.split("\n"))


@few
@given(
    reports, st.integers(40, 200), st.integers(-1, 1), st.sampled_from(["utf-8", "ascii", "cp1252"])
)
def test_as_a_summary(report: RunReport, width: int, verbosity: int, encoding: str) -> None:
    text = summary_table(report, width=width, verbosity=verbosity, encoding=encoding)
    assert_fits(text, width)
    text.encode(encoding)


@few
@given(reports)
def test_as_files(report: RunReport) -> None:
    SCHEMA.validate(json.loads(to_json(report)))
    to_markdown(report).encode("utf-8", "backslashreplace")
    to_html(report).encode("utf-8", "backslashreplace")
