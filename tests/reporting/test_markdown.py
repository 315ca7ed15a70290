"""The Markdown report is fit for a pull-request comment."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import verdict_cases as cases
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.reporting.markdown.page import FIRST_LINE, LONGEST, to_markdown
from pytest_mlregress.reporting.markdown.text import code_text, escaped_text, preformatted
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.since import Since
from pytest_mlregress.verdicts.verdict import VerdictKind

SINCE = Since("4041c47e21", "2026-03-12", 2, ("train.py",), "2026-03-12")
CODE = WorkingTree(commit="8c1d2e3aaa", dirty=True, diff_hash="ab12", changed=("a.py", "b.py"))
MACHINE = "Linux-x86_64, AMD EPYC, Python 3.11.7"
RED = cases.regression()
KNOWN = {"code": CODE, "machine": MACHINE}

RED_AND_GREEN = """\
## 🔴 mlregress: 1 of 2 tests got worse: accuracy of test_red -0.0444 \\[-0.0481, -0.0407], \
since 4041c47 …

1 of 2 tests got worse: accuracy of test_red -0.0444 \\[-0.0481, -0.0407], since 4041c47 (2 \
commits, 12 Mar 2026; 1 file uncommitted)

commit 8c1d2e3, 2 files uncommitted · baselines of 4041c47 · Linux-x86_64, AMD EPYC, Python 3.11.7 \
· alpha 0.05 over 5 comparisons

### 🔴 regression: `tests/test_digits.py::test_red`

accuracy regressed: 0.9318 -> 0.8874 (-0.0444 \\[-0.0481, -0.0407]), margin 0.01, p = 0.00033, \
5 vs 10 seeds

| metric | verdict | baseline → now | difference [98 %] | p (limit) | margin |
|---|---|--:|--:|--:|--:|
| accuracy | regression | 0.9318 → 0.8874 | -0.0444 [-0.0481, -0.0407] | 0.00033 (0.01) | 0.01 |
| loss | pass | 0.0682 → 0.0686 | +0.0004 [-0.0030, +0.0038] | 0.38 (0.01) | 0.008 |

verdict after 5 of 5 seeds; since 4041c47 (2 commits, 12 Mar 2026; 1 file uncommitted)

- see it again: `pytest tests/test_digits.py::test_digits -n 2`
- if it is meant: `pytest tests/test_digits.py::test_digits --mlregress-update`

<details><summary>reasons, seeds</summary>

- environment: torch 2.12.0 -> 2.13.0
- environment: threads 4 -> 1

| seed | accuracy | loss |
|--:|--:|--:|
| 0 | 0.930 → 0.887 | 0.070 → 0.069 |
| 1 | 0.935 → 0.890 | 0.065 → 0.066 |
| 2 | 0.928 → 0.885 | 0.072 → 0.071 |
| 3 | 0.931 → 0.889 | 0.069 → 0.067 |
| 4 | 0.934 → 0.886 | 0.066 → 0.070 |
| 5 | 0.929 → – | 0.071 → – |
| 6 | 0.932 → – | 0.068 → – |
| 7 | 0.936 → – | 0.064 → – |
| 8 | 0.930 → – | 0.070 → – |
| 9 | 0.933 → – | 0.067 → – |

</details>

<details><summary>1 green</summary>

| verdict | test | metric | baseline → now | difference [98 %] | p | margin | seeds |
|---|---|---|--:|--:|--:|--:|--:|
| 🟢 pass | <code>t.py::test_green&#91;a&#124;b&#93;</code> | accuracy | 0.9318 → 0.9314 | \
-0.0004 [-0.0038, +0.0030] | 0.38 | 0.01 | 5/5 |

</details>

- unused baseline: \\_\\_baselines\\_\\_/old.json
- environment differs from 1 baseline: threads 4 -> 1
- environment differs from 1 baseline: torch 2.12.0 -> 2.13.0
"""


def red_and_green() -> RunReport:
    return cases.a_run(
        cases.passed(test="t.py::test_green[a|b]", since=SINCE),
        cases.regression(test="tests/test_digits.py::test_red", since=SINCE),
        notes=("unused baseline: __baselines__/old.json",),
        **KNOWN,
    )


def test_a_red_and_a_green() -> None:
    assert to_markdown(red_and_green()).splitlines() == RED_AND_GREEN.splitlines()


def test_a_run_in_which_nothing_has_changed_is_one_line() -> None:
    same = [cases.identical(test=f"t.py::test_{i}", since=SINCE) for i in range(3)]
    unchanged = replace(same[0], test="t.py::test_skipped", kind=VerdictKind.UNCHANGED)
    assert to_markdown(cases.a_run(*same, unchanged, **KNOWN)) == (
        "## 🟢 mlregress: 4 tests, no regression: 3 are identical, 1 is unchanged; commit 8c1d2e3, "
        "2 files uncommitted\n"
    )
    assert to_markdown(cases.a_run(*same, code=CODE)) == (
        "## 🟢 mlregress: 3 tests, no regression: 3 are identical; commit 8c1d2e3, "
        "2 files uncommitted, baselines of 4041c47\n"
    )


def test_the_heading_of_a_run_without_reds() -> None:
    assert to_markdown(cases.a_run(cases.passed())).splitlines()[0] == (
        "## 🟢 mlregress: 1 test, no regression: 1 passed"
    )
    assert to_markdown(cases.a_run(cases.passed(), cases.minor(test="t.py::test_a"))).splitlines()[
        0
    ] == (
        "## 🟡 mlregress: 1 of 2 tests lost less than its margin: "
        "accuracy of test_a -0.0062 \\[-0.0093, -0.0033]"
    )


def test_the_heading_counts_every_red_before_it_is_cut() -> None:
    reds = [cases.regression(test=f"t.py::test_{i}") for i in range(9)]
    others = [cases.no_baseline(test=f"t.py::test_new_{i}") for i in range(2)]
    run = cases.a_run(cases.diverged(), *reds, *others, cases.passed(), **KNOWN)
    first = to_markdown(run).splitlines()[0]
    assert first.startswith(
        "## 🔴 mlregress: 12 of 13 tests failed: 1 diverged, 9 got worse, 2 have no baseline"
    )
    assert len(first) <= FIRST_LINE


def test_five_tests_are_unfolded_and_the_others_are_behind_a_click() -> None:
    reds = [cases.regression(test=f"t.py::test_{i}") for i in range(8)]
    text = to_markdown(cases.a_run(*reds, cases.passed(), **KNOWN))
    assert re.findall(r"^### 🔴 regression: `(.*)`$", text, re.MULTILINE) == [
        f"t.py::test_{i}" for i in range(5)
    ]
    assert "<details><summary>3 more tests not green</summary>" in text
    assert "<details><summary>1 green</summary>" in text


def test_the_same_results_give_the_same_bytes() -> None:
    """Not the durations, nor what came from the cache or was under way when all was decided."""
    report = red_and_green()
    slower = replace(
        report,
        duration=999.0,
        started="2030-01-01T00:00:00+00:00",
        verdicts=tuple(
            replace(
                verdict,
                seeds=tuple(
                    replace(seed, duration=77.0, cached=True, captured="spoken")
                    for seed in verdict.seeds
                ),
            )
            for verdict in reversed(report.verdicts)
        ),
    )
    assert to_markdown(slower) == to_markdown(report)


def test_the_output_of_a_seed_that_failed_is_there() -> None:
    verdict = cases.diverged()
    failed = SeedResult(
        3,
        "failed",
        message="RuntimeError: boom",
        captured="Captured stdout call\nstep 1\n::error::owned\n```",
        traceback="train.py:7: RuntimeError",
    )
    text = to_markdown(cases.a_run(replace(verdict, seeds=(*verdict.seeds[:3], failed))))
    assert "<pre>train.py:7: RuntimeError</pre>" in text
    assert "step 1\n&#58;:error&#58;:owned\n&#96;&#96;&#96;</pre>" in text


@pytest.mark.parametrize("longest", [LONGEST, 900 * 1024])
def test_a_suite_of_5000_tests_fits_and_is_never_cut_inside_a_construct(longest: int) -> None:
    red, green = cases.regression(), cases.passed()
    reds = [replace(red, test=f"tests/test_many.py::test_{i}") for i in range(1_500)]
    greens = [replace(green, test=f"tests/test_many.py::test_green_{i}[é]") for i in range(3_500)]
    text = to_markdown(cases.a_run(*reds, *greens, **KNOWN), longest=longest)
    size = len(text.encode())
    assert size <= longest
    assert text.count("<details>") == text.count("</details>")
    rows = re.findall(r"^\| 🔴 regression \|.*$", text, re.MULTILINE)
    left_out = re.search(r"^(\d+) more tests of these in the log", text, re.MULTILINE)
    if longest == LONGEST:
        assert size > longest * 0.9
        assert left_out is not None
        assert len(rows) + 5 + int(left_out.group(1)) == 1_500
    else:
        assert len(rows) + 5 == 1_500
        assert left_out is None or "green" in text


def test_one_test_of_endless_text_fits() -> None:
    metric = cases.judged()
    metrics = [replace(metric, name=f"metric_{i}" * 40) for i in range(300)]
    huge = cases.verdict(
        VerdictKind.REGRESSION,
        *metrics,
        test=f"t.py::test[{'x' * 100_000}]",
        notes=("n" * 100_000,) * 50,
        next_steps=("pytest " + "y" * 100_000,) * 50,
    )
    text = to_markdown(cases.a_run(huge, notes=("z" * 100_000,) * 50, machine="m" * 100_000))
    assert len(text.encode()) <= LONGEST
    assert len(text.splitlines()[0]) <= FIRST_LINE


HOSTILE = (
    "<script>alert(1)</script>",
    "<!-- hidden",
    "a|b|c",
    "@octocat please",
    "see #12",
    "::error::owned",
    "##[error]owned",
    "```",
    "`x`",
    "</details></pre>",
    "[link](javascript:alert(1))",
    "![image](https://example.org/x.png)",
    "\x1b[31mred",
    "$x$",
    "&lt;b&gt;",
    "__init__ *x* ~~y~~",
    "1. one",
    "- item",
    "# heading",
    "a\n\n# heading",
    "\\",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_the_user_is_printed_as_it_is(text: str) -> None:
    """As CommonMark with GitHub's tables and strikethrough reads it."""
    shown = " ".join(text.replace("\x1b", "\\x1b").split())
    render = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render
    for written in (escaped_text(text), f"| a |\n|---|\n| {escaped_text(text)} |"):
        html = render(written)
        tags = set(re.findall(r"<([a-z]+)", html)) - {"p", "span"}
        assert tags <= {"table", "thead", "tbody", "tr", "th", "td"}
        assert shown in plain(html)
    for html in (render(f"| a |\n|---|\n| {code_text(text)} |"), render(preformatted(text))):
        assert shown in " ".join(plain(html).split())
        assert "<script" not in html
        assert "<!--" not in html


def plain(html: str) -> str:
    import html as entities

    return entities.unescape(re.sub(r"<[^>]*>", "", html)).replace("\u200b", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_line_of_a_report_commands_a_runner_of_github(text: str) -> None:
    verdict = cases.verdict(
        VerdictKind.DIVERGED,
        cases.judged(text or "x"),
        test=f"t.py::test[{text}]",
        tier=text,
        reasons=(text,),
        notes=(text,),
        next_steps=(text, f"see: pytest {text}"),
        environment=(text,),
        seeds=(SeedResult(0, "failed", message=text, captured=text, traceback=text),),
    )
    report = to_markdown(cases.a_run(verdict, notes=(text,), machine=text))
    assert not [line for line in report.splitlines() if line.lstrip().startswith("::")]
    assert "##[" not in report
    assert "<script" not in report
    assert "<!--" not in report
    assert not re.search(r"(?<![\w&])[@#]\w", report)


@given(st.text(max_size=60))
def test_any_text_stays_on_its_line_and_in_its_cell(text: str) -> None:
    table = f"| a | b |\n|---|---|\n| {escaped_text(text)} | {code_text(text)} |"
    html = MarkdownIt("commonmark").enable("table").render(table)
    assert html.count("<td>") == 2
    assert html.count("<tr>") == 2


@given(st.text(min_size=1, max_size=300))
def test_the_first_line_is_short_and_ends_between_words(text: str) -> None:
    verdict = replace(RED, test=f"t.py::test[{text}]")
    first, *_ = to_markdown(cases.a_run(verdict)).split("\n")
    assert len(first) <= FIRST_LINE
    assert first.startswith("## 🔴 mlregress: 1 of 1 test")


def test_each_interval_has_its_confidence_where_they_differ() -> None:
    other = replace(cases.passed().metrics[0], alpha=0.02)
    metrics = (*cases.passed().metrics, replace(other, name="recall"))
    verdict = replace(cases.passed(), metrics=metrics)
    text = to_markdown(cases.a_run(verdict))
    assert "| difference [interval] (confidence) |" in text
    assert "[-0.0038, +0.0030] (98 %) |" in text
    assert "(97 %) |" in text
