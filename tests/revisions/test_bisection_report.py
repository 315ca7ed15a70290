"""The answer of a search in words, as a file, and while the search goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from git_projects import project

from pytest_mlregress.cli.posterior_view import PosteriorView
from pytest_mlregress.reporting.bisection.files import (
    check_bisection_report,
    document_of,
    write_bisection_report,
)
from pytest_mlregress.reporting.bisection.text import (
    answer_line,
    probability_text,
    report_lines,
)
from pytest_mlregress.revisions.bisection.axes_report import (
    AxesReport,
    AxisEffect,
    CombinationRow,
)
from pytest_mlregress.revisions.bisection.commit_range import Commit
from pytest_mlregress.revisions.bisection.metric_choice import PASSING, SearchedMetric
from pytest_mlregress.revisions.bisection.moved_axes import MovedAxis
from pytest_mlregress.revisions.bisection.next_commands import (
    Invocation,
    NextCommand,
    next_commands,
)
from pytest_mlregress.revisions.bisection.report import BisectionReport, CandidateRow
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.revisions.repository import find_repository

HASHES = ("a" * 40, "b" * 40, "c" * 40)


def commit(name: str, subject: str) -> Commit:
    return Commit(name, ("0" * 40,), "Ada Lovelace", "2026-03-01T12:00:00+01:00", subject)


def row(name: str, subject: str, probability: float, **changes: object) -> CandidateRow:
    own = CandidateRow(
        commit(name, subject), probability, -0.01 * probability, 1.0, ("model.py",), 2, (), False
    )
    return replace(own, **changes)  # type: ignore[arg-type]


REPORT = BisectionReport(
    test="tests/test_it.py::test_it",
    tier="default",
    metric=SearchedMetric("accuracy", higher_is_better=True, margin=None),
    good=commit("0" * 40, "Start"),
    bad=commit(HASHES[2], "Last"),
    finding="commit",
    named=(1,),
    others=(),
    likely=(),
    probability=0.973,
    effect=-0.0131,
    interval=(-0.0171, -0.0094),
    excluded_loss=None,
    reason="",
    rows=(
        row(HASHES[0], "Tune | <b>the rate</b>", 0.02),
        row(HASHES[1], "Use a cheaper initialisation", 0.973),
        row(HASHES[2], "Docs", 0.0, effect=None, excluded=True, weight=0.02, read_files=()),
    ),
    commits=3,
    states=4,
    not_needed=(HASHES[2],),
    skipped=((HASHES[0], "it cannot be imported"),),
    confidence=0.95,
    trainings=23,
    sources={"trained": 11, "cache": 12},
    git_bisect={5: 20, 20: 80},
)
COMMANDS = (NextCommand("git show bbbbbbb", "what it changed"),)


def test_the_whole_answer_as_text() -> None:
    assert report_lines(REPORT, COMMANDS) == [
        "tests/test_it.py::test_it (default): accuracy (higher is better), from 0000000",
        "  to ccccccc, 3 commits",
        "",
        "bbbbbbb loses accuracy: -0.0131 [-0.0171, -0.0094] (probability .97)",
        "  bbbbbbb Use a cheaper initialisation",
        "    Ada Lovelace, 2026-03-01T12:00:00+01:00",
        "    files that the test's seeds read: model.py (it changed 2)",
        "",
        "  prob.    change  commit",
        "    .97  -0.00973  bbbbbbb Use a cheaper initialisation",
        "    .02  -0.00020  aaaaaaa Tune | <b>the rate</b>",
        "",
        "23 trainings (12 from the cache); git bisect run: 20 with 5 seeds a step, 80",
        "  with 20",
        "prior weights: 1 for 2 commits that touched what the test's seeds read, 0.02 for",
        "  the 1 other",
        "excluded, since states before and after give the same results bit for bit:",
        "  ccccccc",
        "skipped aaaaaaa: it cannot be imported",
        "",
        "next:",
        "  git show bbbbbbb",
        "    # what it changed",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"finding": "none", "named": (), "excluded_loss": 0.02},
            "no commit is worse: a loss of 0.02 of accuracy or more by one commit is excluded "
            "(probability .97)",
        ),
        (
            {"finding": "none", "named": (), "excluded_loss": 0.02, "below_margin": (1,)},
            "no commit is worse: a loss of 0.02 of accuracy or more by one commit is excluded "
            "(probability .97); bbbbbbb lost less than that",
        ),
        (
            {
                "finding": "unclear",
                "named": (),
                "likely": (0, 1),
                "reason": "the budget of 23 trainings is spent",
            },
            "cannot tell with 23 trainings: the budget of 23 trainings is spent; if a commit lost, "
            "it is one of aaaaaaa, bbbbbbb",
        ),
        (
            {"finding": "identical", "named": ()},
            "no commit is worse: 0000000 and ccccccc give the same results bit for bit, since they "
            "differ in nothing that the test's seeds read",
        ),
        (
            {"named": (0, 1)},
            "one of aaaaaaa, bbbbbbb loses accuracy: -0.0131 [-0.0171, -0.0094] (probability .97); "
            "no state that runs tells them apart",
        ),
        (
            {"metric": SearchedMetric(PASSING, higher_is_better=True, margin=None)},
            "bbbbbbb makes seeds fail (probability .97)",
        ),
        (
            {"finding": "environment", "named": (0,)},
            "the environment loses accuracy: -0.0131 [-0.0171, -0.0094]; commits that changed it: "
            "aaaaaaa",
        ),
    ],
)
def test_every_answer_is_one_sentence(changes: dict[str, object], line: str) -> None:
    assert answer_line(replace(REPORT, **changes)) == line  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("probability", "text"), [(0.0, ".00"), (0.5, ".50"), (0.9949, ".99"), (0.9999, "> .99")]
)
def test_a_probability_is_never_rounded_to_certainty(probability: float, text: str) -> None:
    assert probability_text(probability) == text


AXES = AxesReport(
    moved=(MovedAxis("commits", ("model.py",)), MovedAxis("config", ("conf.yaml",))),
    combinations=(
        CombinationRow("good", 0.9, 5, 0),
        CombinationRow("commits", 0.9, 5, 0),
        CombinationRow("config", 0.8, 5, 1),
        CombinationRow("commits+config", 0.8, 5, 0),
    ),
    effects=(AxisEffect("config", "good", -0.1, (-0.12, -0.08), True),),
    losing=("config",),
    searched="config",
)


def test_the_axes_are_said_before_the_commits() -> None:
    lines = report_lines(replace(REPORT, axes=AXES), ())
    start = lines.index("moved: commits (model.py)")
    assert lines[start : start + 9] == [
        "moved: commits (model.py)",
        "moved: config (conf.yaml)",
        "  good            0.9  (5 seeds)",
        "  commits         0.9  (5 seeds)",
        "  config          0.8  (5 seeds, 1 failed)",
        "  commits+config  0.8  (5 seeds)",
        "  config alone, the rest as at the good end: -0.1 [-0.12, -0.08]: a loss",
        "config lost; the search is among the commits that touched config, with the rest",
        "  as at the good end",
    ]


def test_every_kind_of_file(tmp_path: Path) -> None:
    report = replace(REPORT, axes=AXES)
    for suffix in (".json", ".md", ".html", ".svg"):
        check_bisection_report(tmp_path / f"out/report{suffix}")
        write_bisection_report(tmp_path / f"out/report{suffix}", report, COMMANDS)
    document = json.loads((tmp_path / "out/report.json").read_text())
    assert document["named"] == [HASHES[1]]
    assert document["weights"] == {"read": 1.0, "other": 0.02}
    assert document["skipped"] == [{"commit": HASHES[0], "reason": "it cannot be imported"}]
    assert [own["commit"]["name"] for own in document["candidates"]] == list(HASHES)
    assert document["axes"]["searched"] == "config"
    assert document["schema"] == 1
    markdown = (tmp_path / "out/report.md").read_text()
    assert "| .02 | -0.0002 | aaaaaaa Tune \\| \\<b\\>the rate\\</b\\> |" in markdown
    page = (tmp_path / "out/report.html").read_text()
    assert "Tune | &lt;b&gt;the rate&lt;/b&gt;" in page
    assert "<b>" not in page
    assert "config lost; the search is among" in page
    root = ElementTree.fromstring((tmp_path / "out/report.svg").read_text())
    bars = root.findall("{http://www.w3.org/2000/svg}rect")[1:]
    assert [round(float(bar.attrib["width"])) for bar in bars] == [7, 331, 1]


def test_the_document_holds_all_that_the_reference_names() -> None:
    reference = Path(__file__).parents[2] / "docs" / "reference.md"
    (paragraph,) = [
        text
        for text in reference.read_text(encoding="utf-8").split("\n\n")
        if text.startswith("The JSON document has `schema` (1), `test`, `tier`")
    ]
    for key in document_of(REPORT, COMMANDS):
        assert f"`{key}`" in paragraph, key


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"name ends with \.html, \.md, \.json, \.svg"):
        check_bisection_report(tmp_path / "report.pdf")
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(CommandError, match=r"cannot write .*folder\.md: Is a directory; make"):
        check_bisection_report(tmp_path / "folder.md")


def test_a_command_is_printed_so_that_a_shell_reads_it_back() -> None:
    own = Invocation("v1", "main", "t.py::test[a b]", ("--all-parents",), ("-k", "x y"), 20)
    assert own.again("--max-trainings=40") == (
        "mlregress bisect v1 main --test 't.py::test[a b]' --all-parents --max-trainings=40 -- "
        "-k 'x y'"
    )


def test_what_follows_from_an_answer(tmp_path: Path) -> None:
    made = project(tmp_path / "repo")
    own = Invocation("v1", "main", "test_it", (), (), 20)
    head = made.git("rev-parse", "HEAD")

    def commands(report: BisectionReport) -> list[str]:
        found = next_commands(report, own, find_repository(made.top))
        return [command.command for command in found]

    assert commands(replace(REPORT, finding="none", named=())) == []
    assert commands(replace(REPORT, finding="unclear", named=())) == []  # no more seeds
    assert commands(replace(REPORT, finding="unclear", named=(), budget_spent=True)) == [
        "mlregress bisect v1 main --test test_it --max-trainings=46"
    ]
    assert commands(REPORT) == ["git show bbbbbbb"]  # not in this checkout: nothing to explain
    assert commands(replace(REPORT, others=(0,)))[-1] == (
        "mlregress ablate 0000000 --test tests/test_it.py::test_it --change=bbbbbbb "
        "--change=aaaaaaa"
    )
    here = replace(REPORT, rows=(row(head, "Start", 0.99),), named=(0,))
    assert commands(here) == [
        f"git show {head[:7]}",
        f"mlregress explain tests/test_it.py::test_it '--against={head[:7]}^'",
    ]
    assert commands(replace(here, finding="environment")) == [f"git show {head[:7]}"]


def test_a_branch_from_before_the_good_end_is_searched_by_the_next_command(tmp_path: Path) -> None:
    made = project(tmp_path / "repo")
    fork = made.git("rev-parse", "HEAD")
    made.git("checkout", "--quiet", "-b", "topic")
    made.commit({"a.py": "1\n"}, "One")
    made.commit({"a.py": "2\n"}, "Two")
    one, two = made.git("rev-parse", "HEAD^"), made.git("rev-parse", "HEAD")
    made.git("checkout", "--quiet", "-")
    made.commit({"b.py": "1\n"}, "Good")
    good = made.git("rev-parse", "HEAD")
    rows = tuple(
        replace(row(name, "s", 0.5), commit=Commit(name, (of,), "A", "", "s"), has_state=False)
        for name, of in ((one, fork), (two, one))
    )
    merge = row(HASHES[2], "Merge", 0.5)
    report = replace(REPORT, rows=(*rows, merge), named=(0, 1, 2), good=commit(good, "Good"))
    assert answer_line(report).endswith(
        f"(probability .97); the branch of {one[:7]}, {two[:7]} forked off before {good[:7]}, and "
        "a state without a part of that is not trained"
    )
    own = Invocation("v1", "main", "test_it", ("--all-parents",), (), 20)
    found = [each.command for each in next_commands(report, own, find_repository(made.top))]
    assert [text for text in found if text.startswith("mlregress bisect")] == [
        f"mlregress bisect {fork[:12]} {two[:12]} --test test_it --all-parents"
    ]


def test_trainings_of_a_run_that_could_not_tell_are_those_of_the_run_before() -> None:
    lines = report_lines(replace(REPORT, sources={"trained": 19, "journal": 4}), ())
    assert any(line.startswith("23 trainings (4 from the run before); ") for line in lines)


def test_before_any_posterior_the_view_says_so() -> None:
    view = PosteriorView()
    assert view.summary() == "no posterior yet"
