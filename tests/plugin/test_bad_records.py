"""Records that cannot be judged fail where they are made, or as soon as the seeds disagree."""

from __future__ import annotations

from pathlib import Path

import pytest
from training_suite import Suite

import pytest_mlregress

PACKAGE = Path(pytest_mlregress.__file__).parent

X = "metric 'x'"
MARGIN = (
    'allowed is an absolute loss in metric units (0.01), a share of the baseline mean ("1%"), a '
    'number of baseline standard deviations ("1sd"), or "auto"; none of them negative'
)

VALUES = {
    "'abc'": f"{X}, seed 0: 'abc' is text; pass the number itself",
    "'0.5'": f"{X}, seed 0: '0.5' is text; pass the number itself",
    "1j": f"{X}, seed 0: 1j is complex; record its .real or abs() of it",
    "[0.5, 0.6]": f"{X}, seed 0: a list of 2 numbers; reduce it to one first, for example with "
    ".mean()",
    "numpy.ones((2, 3))": f"{X}, seed 0: a ndarray of 6 numbers; reduce it to one first, for "
    "example "
    "with .mean()",
    "None": f"{X}, seed 0: None (NoneType) is not a number",
    "1, margin=-0.1": f"{X}: margin=-0.1 is not a margin; {MARGIN}",
    "1, margin='-1%'": f"{X}: margin='-1%' is not a margin; {MARGIN}",
    "1, margin='some'": f"{X}: margin='some' is not a margin; {MARGIN}",
    "1, margin=float('nan')": f"{X}: margin=nan is not a margin; {MARGIN}",
    "1, margin='1e309sd'": f"{X}: margin='1e309sd' is not a margin; {MARGIN}",
    "numpy.ma.masked": f"{X}, seed 0: masked is masked: it holds no value",
    "1, version=0": f"{X}: version=0 must be a whole number >= 1",
    "1, resolution=0": f"{X}: resolution=0 must be a finite number > 0, the smallest step that the "
    "metric can take",
}

RECORDS = {f"'x', {value}, higher_is_better=True": message for value, message in VALUES.items()} | {
    "'x', 0.5": f"{X} needs higher_is_better=True or False; it has no default, since a wrong guess "
    "would pass silently",
    "'x', 0.5, higher_is_better='yes'": f"{X}: higher_is_better='yes' must be True or False",
    "'', 0.5, higher_is_better=True": "a metric's name is a non-empty string, not ''",
    "3, 0.5, higher_is_better=True": "a metric's name is a non-empty string, not 3",
    "'a', 0.6, higher_is_better=True": "metric 'a' is recorded twice in seed 0 (0.5, then 0.6); "
    "record "
    "the final value once, and use mlregress.log(step, ...) for a curve",
}


def test_records_that_cannot_be_judged_fail_where_they_are_made(suite: Suite) -> None:
    bodies = [
        f"    mlregress.record('a', 0.5, higher_is_better=True)\n    "
        f"mlregress.record({arguments})\n"
        for arguments in RECORDS
    ]
    tests = [
        f"@pytest.mark.seeds(1)\ndef test_{k}(mlregress):\n{body}" for k, body in enumerate(bodies)
    ]
    suite.write("import numpy\nimport pytest\n" + "".join(tests))
    result = suite.run()
    printed = result.stdout.str()
    for k, message in enumerate(RECORDS.values()):
        assert f"RecordError: test_training.py::test_{k}: {message}\n" in printed
    assert f" {len(RECORDS)} failed in " in result.stdout.lines[-1]


@pytest.mark.parametrize(
    ("arguments", "setting", "now", "before"),
    [
        ("margin=0.1 * (1 + run.seed)", "margin", "0.2", "0.1"),
        ("higher_is_better=run.seed == 0", "higher_is_better", "False", "True"),
        ("version=1 + run.seed", "version", "2", "1"),
        ("resolution=0.5 / (1 + run.seed)", "resolution", "0.25", "0.5"),
    ],
)
def test_other_settings_in_another_seed_are_an_error(
    suite: Suite, arguments: str, setting: str, now: str, before: str
) -> None:
    direction = "" if setting == "higher_is_better" else "higher_is_better=True, "
    suite.write(
        f"""
        import pytest
        @pytest.mark.seeds(2)
        def test_it(mlregress):
            run = mlregress
            run.record("a", 1, {direction}{arguments})
        """
    )
    result = suite.run("--mlregress-missing=warn")
    assert suite.verdicts == {"test_training.py::test_it": "incomparable"}
    assert suite.tests["test_training.py::test_it"]["reasons"] == [
        f"metric 'a': seed 1 recorded {setting}={now}, an earlier seed {before}; "
        "it must be the same in every seed"
    ]
    assert result.ret == 1


def test_a_metric_that_some_seeds_lack_is_an_error(suite: Suite) -> None:
    suite.write(
        """
        import pytest
        @pytest.mark.seeds(2)
        def test_it(mlregress):
            if mlregress.seed == 0:
                mlregress.record("a", 1, higher_is_better=True)
        """
    )
    assert suite.run("--mlregress-missing=warn").ret == 1
    assert suite.tests["test_training.py::test_it"]["reasons"] == [
        "seed 1 did not record 'a', seed 0 did; every seed must record the same metrics"
    ]


@pytest.mark.parametrize(
    "call",
    [
        "record('a', 'x', higher_is_better=True)",
        "record('a', 1)",
        "log(0, a='x')",
        "log(0.5, a=1)",
        "fingerprint('data', object())",
    ],
)
def test_a_refused_call_shows_the_users_line_and_none_of_the_plugins(
    suite: Suite, call: str
) -> None:
    suite.write(f"def test_it(mlregress):\n    mlregress.{call}\n")
    result = suite.run("--mlregress-seeds=1")
    result.stdout.fnmatch_lines([f">       mlregress.{call}", "test_training.py:2: RecordError"])
    assert not [line for line in result.outlines if line.startswith(str(PACKAGE))]
