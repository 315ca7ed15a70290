"""The Markdown report is fit for a pull-request comment."""

import verdict_cases as cases

from pytest_mlregress.reporting.markdown import LONGEST, to_markdown
from pytest_mlregress.verdicts.verdict import VerdictKind

RED_AND_GREEN = """\
## 🔴 mlregress: 1 of 2 tests failed

| verdict | test | metric | baseline → now | difference [95 %] | p | margin | seeds |
|---|---|---|--:|--:|--:|--:|--:|
| 🔴 diverged | `tests/test_digits.py::test_red` | accuracy | 0.9318 → nan |  |  | 0.01 | 4/5 |

<details><summary>1 green</summary>

| verdict | test | metric | baseline → now | difference [95 %] | p | margin | seeds |
|---|---|---|--:|--:|--:|--:|--:|
| 🟢 pass | `t.py::test_green[a\\|b]` | accuracy | 0.9318 → 0.9314 | -0.0004 [-0.0032, +0.0024] | \
0.38 | 0.01 | 5/5 |

</details>

<details><summary><code>tests/test&#95;digits.py::test&#95;red</code>: 2 of 4 seeds diverged: \
seed 1: accuracy = nan; seed 3: RuntimeError: boom</summary>

```text
2 of 4 seeds diverged: seed 1: accuracy = nan; seed 3: RuntimeError: boom

seed 1: accuracy = nan (after 1.5 s)
seed 3: RuntimeError: boom (after 0.25 s)

accuracy: diverged (higher is better)
  baseline    mean 0.9318, SD 0.0027, 10 seeds
    0: 0.930  1: 0.935  2: 0.928  3: 0.931  4: 0.934  5: 0.929  6: 0.932
    7: 0.936  8: 0.930  9: 0.933
  now         mean nan, SD nan, 3 seeds
    0: 0.930       1: nan         2: 0.930       3: failed      4: not needed

seeds         verdict after 4 of 5 planned, 1 not needed; 4.8 s of training
```

</details>

2 tests: 1 diverged, 1 pass; 9 seeds run, 1 saved; 12 s of training in 41 s; alpha 0.05 over 5 \
comparisons

- unused baseline: \\_\\_baselines\\_\\_/old.json
"""


def test_a_red_and_a_green():
    report = cases.a_run(
        cases.passed(test="t.py::test_green[a|b]"),
        cases.diverged(test="tests/test_digits.py::test_red"),
        notes=("unused baseline: __baselines__/old.json",),
    )
    assert to_markdown(report) == RED_AND_GREEN


def test_the_heading_of_a_run_without_reds():
    assert to_markdown(cases.a_run(cases.passed())).splitlines()[0] == (
        "## 🟢 mlregress: 1 test, no regression"
    )
    assert to_markdown(cases.a_run(cases.passed(), cases.minor(test="a"))).splitlines()[0] == (
        "## 🟡 mlregress: 1 of 2 tests inconclusive or with a warning"
    )


def test_a_comment_is_never_too_long_and_says_what_it_left_out():
    reds = [cases.regression(test=f"tests/test_many.py::test_{i}") for i in range(120)]
    greens = [cases.passed(test=f"tests/test_many.py::test_green_{i}") for i in range(300)]
    text = to_markdown(cases.a_run(*reds, *greens))
    assert LONGEST / 2 < len(text) <= LONGEST
    assert text.count("| 🔴 regression | ") == 120
    details = text.count("<details>") - 1
    assert f"Details of {120 - details} more in the test log and in the other reports." in text
    assert text.count("<details>") == text.count("</details>")


def test_text_of_the_user_cannot_leave_its_place():
    metric = cases.unjudged(VerdictKind.INCOMPARABLE, "a|b <b>*x*", reasons=("``` </summary>",))
    verdict = cases.verdict(VerdictKind.INCOMPARABLE, metric, test="t.py::test[`]")
    text = to_markdown(cases.a_run(verdict))
    assert "| 🔴 incomparable | `` t.py::test[`] `` | a\\|b \\<b\\>\\*x\\* |" in text
    assert "&#96;&#96;&#96; &lt;/summary&gt;</summary>" in text
    assert "\n````text\n" in text


def test_an_identical_metric_shows_the_same_mean_twice() -> None:
    lines = to_markdown(cases.a_run(cases.identical())).splitlines()
    assert (
        "| 🟢 identical | `tests/test_digits.py::test_digits` | accuracy | 0.9325 → 0.9325 |  |  |"
        "  | 2/5 |"
    ) in lines
