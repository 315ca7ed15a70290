"""What the parts of a test's card say, on values small enough to check by hand."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
import verdict_cases as cases

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline, Provenance, Spent
from pytest_mlregress.baselines.history import first_artifact, revise
from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.reporting.html.changes import changes, earlier_sentence, parameter_plot
from pytest_mlregress.reporting.html.header import header_facts
from pytest_mlregress.reporting.html.outputs import plain_output, seed_outputs
from pytest_mlregress.reporting.html.page import to_html
from pytest_mlregress.reporting.html.revisions import revisions
from pytest_mlregress.reporting.html.seeds import seed_rows
from pytest_mlregress.reporting.metric_text import p_and_limit
from pytest_mlregress.reporting.plots.difference import MARGIN, WIDTH, difference_mark
from pytest_mlregress.reporting.plots.learning_curve import LINES_SHOWN, learning_curve_plot
from pytest_mlregress.reporting.plots.parallel import Run, parallel_plot
from pytest_mlregress.reporting.plots.revision import revision_plot
from pytest_mlregress.reporting.plots.strip import strip_plot
from pytest_mlregress.verdicts.since import Since
from pytest_mlregress.verdicts.verdict import VerdictKind

PROVENANCE = Provenance(plugin="0", time="2026-03-12T08:00:00+00:00", commit="4041c47" + "0" * 33)


def a_baseline(*effects: float, shift: float = 0.0) -> Artifact:
    """An accuracy of 0.93, after one update per effect."""
    metrics = {
        "accuracy": MetricBaseline(
            higher_is_better=True, values={s: v + shift for s, v in cases.BASELINE.items()}
        )
    }
    artifact = first_artifact("t.py::test", "default", metrics, PROVENANCE)
    for effect in effects:
        artifact = revise(
            artifact, metrics, PROVENANCE, effects={"accuracy": effect}, reason="accuracy: pass"
        )
    return artifact


def test_seeds_have_what_they_did_and_took() -> None:
    verdict = cases.diverged()
    seeds = (replace(verdict.seeds[0], cached=True, peak_memory=2 * 10**9), *verdict.seeds[1:])
    artifact = replace(a_baseline(), spent={0: Spent(duration=61.0, peak_memory=10**9)})
    table = seed_rows(replace(verdict, seeds=seeds), artifact)
    first, _, _, failed, stopped = table["now"]
    assert table["names"] == ["accuracy"]
    assert (first.values, first.seconds, first.memory, first.cached) == (
        ("0.93",),
        "1.5 s",
        "2.0 GB",
        True,
    )
    assert (failed.outcome, failed.bad, failed.values, failed.seconds) == (
        "failed",
        True,
        ("",),
        "0.25 s",
    )
    assert (stopped.outcome, stopped.bad) == ("cancelled", False)
    assert [row.seed for row in table["before"]] == list(range(10))
    assert (table["before"][0].seconds, table["before"][0].memory) == ("1 min 1 s", "1.0 GB")


def test_a_seed_that_failed_shows_its_traceback_and_output() -> None:
    verdict = cases.diverged()
    failed = replace(
        verdict.seeds[3],
        traceback="E   RuntimeError: boom",
        captured="\x1b[31mepoch 1\x1b[0m\r\n 10%\r 50%\r100%\nbell\x07",
    )
    seeds = (*verdict.seeds[:3], failed, verdict.seeds[4])
    nan, raised = seed_outputs(replace(verdict, seeds=seeds))
    assert (nan.seed, nan.what) == (1, "accuracy = nan")
    assert (raised.seed, raised.what) == (3, "RuntimeError: boom")
    assert raised.traceback == "E   RuntimeError: boom"
    assert raised.captured == "epoch 1\n100%\nbell\\x07"


def test_a_red_test_without_a_failure_shows_its_worst_seed() -> None:
    verdict = cases.regression()
    seeds = tuple(replace(seed, captured=f"output of {seed.seed}") for seed in verdict.seeds)
    (worst,) = seed_outputs(replace(verdict, seeds=seeds))
    assert (worst.seed, worst.what, worst.captured) == (2, "the worst accuracy", "output of 2")
    assert not seed_outputs(cases.passed())


def test_progress_bars_leave_their_end() -> None:
    assert plain_output("a\rb\rc\nd") == "c\nd"
    assert plain_output("a\r\nb\r\n") == "a\nb"


def test_hyper_parameters_and_data_that_differ_come_first() -> None:
    verdict = cases.regression()
    seeds = tuple(
        replace(seed, params={"lr": 0.1, "depth": 18, "new": True}, data={"train": "sha256:bb"})
        for seed in verdict.seeds
    )
    artifact = replace(
        a_baseline(), params={"lr": 0.2, "depth": 18.0, "old": "x"}, data={"train": "sha256:aa"}
    )
    verdict = replace(verdict, seeds=seeds)
    found = changes(verdict, artifact)
    assert [(row.name, row.before, row.now, row.differs) for row in found["params"]] == [
        ("lr", "0.2", "0.1", True),
        ("new", "", "True", True),
        ("old", "x", "", True),
        ("depth", "18", "18", False),
    ]
    assert [(row.before, row.now) for row in found["data"]] == [("sha256:aa", "sha256:bb")]
    assert found["count"] == 6  # with two of the environment
    plot = parameter_plot(verdict, artifact)
    assert plot is not None
    assert [axis.name for axis in plot.axes] == ["depth", "lr", "new", "old", "accuracy", "loss"]
    assert {side for _, side, _ in plot.lines} == {"before", "now"}


def test_an_earlier_baseline_is_one_line_through_its_means() -> None:
    artifact = replace(a_baseline(0.001), params={"lr": 0.1}, parent="a")
    verdict = cases.regression()
    assert parameter_plot(verdict, artifact, ()) is not None
    plot = parameter_plot(verdict, artifact, (replace(artifact, params={"lr": 0.2}),))
    assert plot is not None
    titles = [title for _, side, title in plot.lines if side == "past"]
    assert titles == ["baseline 12 Mar 2026 4041c47"]
    assert earlier_sentence(artifact, (artifact,)) == (
        "Dotted, by their means: 1 earlier revision of the baseline, as far back as the history "
        "holds them."
    )
    assert earlier_sentence(artifact, ()).startswith("Earlier revisions of the baseline are not")
    assert earlier_sentence(None, ()) == ""


def test_a_line_of_parallel_coordinates_skips_what_is_missing() -> None:
    runs = [Run("a", "now", {"x": 1, "z": 2.0}), Run("b", "before", {"x": 3, "y": "w", "z": 4.0})]
    plot = parallel_plot(["x", "y", "z"], runs)
    assert plot is not None
    assert plot.lines[0][0].count("M") == 2
    assert plot.lines[1][0].count("M") == 1
    assert parallel_plot(["x"], runs) is None


def test_curves_lie_in_the_band_of_the_baseline() -> None:
    before = {seed: tuple((step, 1.0 + seed) for step in range(0, 50, 10)) for seed in range(3)}
    now = {0: ((0, 2.0), (10, 2.0), (20, math.nan), (30, 2.0), (40, 2.0))}
    plot = learning_curve_plot("loss", before, now, failed={0})
    assert plot is not None
    assert plot.band.startswith("M0 ")
    assert plot.mean.partition("l")[2] == "10 0 10 0 10 0 10 0"
    (line,) = plot.lines
    assert line.failed
    assert line.title == "seed 0, failed: 2 at step 40"
    assert re.fullmatch(r"M0 (\d+)l10 0M30 \1l10 0", line.path)
    assert plot.caption == (
        "lines: 1 seed now; band: from the lowest to the highest of 3 seeds of the baseline, "
        "dashed their mean"
    )


def test_of_many_seeds_those_farthest_from_the_baseline_are_drawn() -> None:
    before = {0: ((0, 1.0), (1, 1.0))}
    now = {seed: ((0, 1.0), (1, 1.0 + seed)) for seed in range(20)}
    plot = learning_curve_plot("loss", before, now)
    assert plot is not None
    assert [line.title.partition(":")[0] for line in plot.lines] == [
        f"seed {seed}" for seed in range(20 - LINES_SHOWN, 20)
    ]


def test_curves_that_are_enlarged_have_more_points() -> None:
    now = {0: tuple((step, 1.0 + step % 2) for step in range(1001))}
    coarse, fine = (learning_curve_plot("loss", {}, now, detailed=d) for d in (False, True))
    assert coarse is not None
    assert fine is not None
    assert (coarse.view, fine.view) == ("0 0 1000 312", "0 0 1000 1560")
    assert len(re.findall(r"-?\d+", coarse.lines[0].path)) == 2 * 64
    assert len(re.findall(r"-?\d+", fine.lines[0].path)) == 2 * 256
    assert (fine.steps, fine.values) == ("0.0 1.0", "1.0 2.0")
    assert fine.summary == "lines: 1 seed now; the baseline has no such curve; now ends at 1"


def test_values_over_decades_have_a_logarithmic_axis() -> None:
    plot = learning_curve_plot("loss", {}, {0: ((0, 100.0), (1, 1.0), (2, 0.01))})
    assert plot is not None
    assert plot.logarithmic
    assert [label for _, label in plot.up] == ["0.01", "0.1", "1", "10", "100"]
    assert learning_curve_plot("loss", {}, {0: ((0, math.nan), (1, 1.0))}) is None


def test_the_past_ends_with_this_run() -> None:
    artifact = a_baseline(-0.001, 0.002)
    plot = revision_plot(artifact, "accuracy", now=0.90, commit="9ab12cd")
    assert plot is not None
    assert [mark.kind for mark in plot.marks] == ["revision", "revision", "revision", "now"]
    assert "0.9308" in plot.marks[0].title  # 0.9318 less 0.001
    assert "0.9298" in plot.marks[1].title
    assert plot.anchor is not None
    assert plot.budget is not None
    assert plot.marks[-1].beyond == 1
    assert revision_plot(artifact, "unknown", now=0.9, commit=None) is None


def test_the_ledger_tells_how_much_of_the_drift_budget_is_spent() -> None:
    found = revisions(cases.regression(), a_baseline(-0.001, -0.0005), None)
    ((_, name, sentence),) = found["plots"]
    assert name == "accuracy"
    assert sentence.startswith("anchor 0.9318 of 12 Mar 2026; updates since lost 0.0015, the drift")
    assert [row.effects for row in found["rows"]] == ["accuracy −0.0005", "accuracy −0.001"]
    assert found["rows"][0].commit == "4041c47"


def test_both_commits_and_the_dirty_flag_are_at_the_top() -> None:
    verdict = cases.regression(since=Since("c42af86" + "0" * 33, "2026-03-12", 2, ("a.py",)))
    report = cases.a_run(
        replace(verdict, baseline_commit=None),
        code=WorkingTree(
            commit="9ab12cd" + "0" * 33,
            branch="main",
            dirty=True,
            diff_hash="d1",
            changed=("a.py",),
        ),
        machine="Linux x86_64, 8 CPUs",
    )
    before, now, machine = header_facts(report)
    assert (before["label"], before["commit"], before["text"]) == (
        "baseline",
        "c42af86",
        "12 Mar 2026, 2 commits before",
    )
    assert (now["commit"], now["text"], now["flag"]) == (
        "9ab12cd",
        "on main",
        "dirty: 1 file uncommitted",
    )
    assert now["lines"] == ["a.py", "digest of the changes: d1"]
    assert machine["text"] == "Linux x86_64, 8 CPUs"
    assert "dirty: 1 file uncommitted" in to_html(report)


def test_p_is_held_to_the_limit_of_the_look_that_decided() -> None:
    metric = cases.judged(level=0.0042)
    run = cases.a_run(replace(cases.regression(), metrics=(metric,)))
    p, limit = p_and_limit(metric)
    assert limit == "0.0042"
    assert f'· p {p} <span class="number">(limit {limit})</span>' in to_html(run)


@pytest.mark.parametrize(
    ("head", "text"),
    [("c42af86", "the commit checked out"), ("9ab12cd", "no commit of code since")],
)
def test_only_the_commit_of_the_tree_is_checked_out(head: str, text: str) -> None:
    verdict = cases.regression(since=Since("c42af86" + "0" * 33, "2026-03-12", 0))
    report = cases.a_run(
        replace(verdict, baseline_commit=None), code=WorkingTree(commit=head + "0" * 33)
    )
    assert header_facts(report)[0]["text"] == f"12 Mar 2026, {text}"


def test_a_regression_need_not_lie_wholly_in_the_shade() -> None:
    wide = dict(enumerate([0.86, 0.88, 0.905, 0.85, 0.915]))
    metric = cases.judged(candidate=wide, margin=0.03, alpha=0.05)
    assert metric.kind is VerdictKind.REGRESSION
    plot = strip_plot(metric)
    assert plot is not None
    assert plot.interval is not None
    assert plot.limit is not None
    assert plot.rows[0].mean is not None
    assert plot.interval.low < plot.limit < plot.interval.high < plot.rows[0].mean
    page = " ".join(to_html(cases.a_run()).split())
    assert (
        "An interval that lies as a whole on the losing side of that mean shows a loss: "
        "a regression if it reaches into the shade, minor if not."
    ) in page


def test_the_worst_is_drawn_in_margins_with_losses_on_the_left() -> None:
    lost, kept = difference_mark(cases.judged()), difference_mark(cases.passed().metrics[0])
    assert lost is not None
    assert kept is not None
    assert (lost.middle, lost.beyond) == (0.0, -1)
    assert MARGIN < kept.middle < WIDTH / 2
    assert lost.title == "a loss of 4.4 margins"


def test_the_same_run_gives_the_same_bytes() -> None:
    assert to_html(cases.a_run(), inline=1) == to_html(cases.a_run(), inline=1)
