"""A learning curve that has left the baseline's ends its seed, where its direction is known."""

from __future__ import annotations

import html
import re

import pytest
from training_suite import Suite

TEST = "test_training.py::test_it"
TRAINING = """
    import os
    import random

    import pytest

    @pytest.mark.seeds(5)
    def test_it(mlregress):
        end = 0.9 + random.gauss(0, 0.005)
        for step in range(40):
            seen = max(step - int(os.environ.get("LATE", "0")), 0)
            seen *= float(os.environ.get("SPEED", "1"))
            good = 0.1 if os.environ.get("STUCK") else end - 0.8 * 0.8**seen
            mlregress.log(step, {os.environ.get("NAME", "accuracy"): good})
        mlregress.record("accuracy", end, higher_is_better=True)
"""


TWO_METRICS = """
    import os
    import random

    import pytest

    @pytest.mark.seeds(5)
    def test_both(mlregress):
        end = 0.4 + random.gauss(0, 0.02)
        for step in range(0, 400, 10):
            learned = 0.0 if os.environ.get("STUCK") else 1 - 0.8 ** (step / 10)
            loss = 4.1 if os.environ.get("STUCK") else end + 3.7 * (1 - learned)
            mlregress.log(step, loss=loss, accuracy=0.11 + 0.8 * learned, rate=0.1)
        mlregress.record("loss", end, higher_is_better=False)
        mlregress.record("accuracy", 0.91 + random.gauss(0, 0.01), higher_is_better=True)
"""


@pytest.fixture
def curves(suite: Suite) -> Suite:
    suite.write(TRAINING)
    return suite


def test_a_collapsed_curve_ends_its_seed_by_that_word(curves: Suite) -> None:
    curves.record()
    result = curves.run(STUCK="1")
    assert result.ret == 1
    test = curves.tests[TEST]
    what = "accuracy 0.1 at step 23, the baseline's seeds end there within 0.8863 .. 0.907"
    assert test["verdict"] == "diverged"
    assert test["headline"] == f"test_it collapsed early: {what}"
    assert test["reasons"] == [f"seed 0 collapsed early: {what}"]
    assert test["next_steps"] == [
        f"to let such a run finish: pytest '{TEST}' --mlregress-curves=off",
        f"run it again: pytest '{TEST}' --lf",
    ]
    result.stdout.fnmatch_lines([f"  test_it collapsed early: {what}"])


def test_every_report_has_the_same_sentence_with_the_metrics_so_far(suite: Suite) -> None:
    suite.write(TWO_METRICS)
    suite.record()
    result = suite.run(
        "--mlregress-report=report.md",
        "--mlregress-report=report.html",
        "--junit-xml=junit.xml",
        STUCK="1",
    )
    (test,) = suite.tests.values()
    what, ranges, so_far = re.fullmatch(
        r"test_both collapsed early: (loss 4\.1 at step \d+), "
        r"the baseline's seeds end there within (0\.\d+ \.\. 0\.\d+); (accuracy so far 0\.11)",
        test["headline"],
    ).groups()
    assert test["verdict"] == "diverged"
    # The block of the test has no second line for the other metrics; the failure above it has them.
    result.stdout.fnmatch_lines([f"  {test['headline'].rpartition(';')[0]}"])
    plain = f"collapsed early: {what}, the baseline's seeds end there within {ranges}; {so_far}"
    assert plain in result.outlines
    for name in ("report.md", "report.html", "junit.xml"):
        text = html.unescape((suite.path / name).read_text("utf-8"))
        assert plain in text, name


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_curve_that_turns_nan_is_said_to(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import os
        import random

        import pytest

        @pytest.mark.seeds(5)
        def test_it(mlregress):
            end = random.gauss(0.9, 0.01)
            for step in range(10):
                mlregress.log(step, loss=float(os.environ.get("LOSS", "0.3")), accuracy=end)
            mlregress.record("accuracy", end, higher_is_better=True)
        """
    )
    suite.record()
    suite.run(workers, LOSS="nan", apart=True)
    headline = suite.tests[TEST]["headline"]
    assert re.fullmatch(
        r"test_it collapsed early: loss nan at step 0, the baseline's seeds are finite throughout; "
        r"accuracy so far 0\.\d+(; and so did seeds? \d(, \d)*)?",
        headline,
    )


def test_judged_curves_take_their_share_of_alpha(curves: Suite) -> None:
    curves.record()
    levels = {}
    for option in ("end", "off"):
        test = curves.check(f"--mlregress-curves={option}")[TEST]
        (levels[option],) = (metric["alpha"] for metric in test["metrics"])
    assert levels == {"end": pytest.approx(0.95 * 0.05), "off": pytest.approx(0.05)}


def test_curves_without_a_direction_take_nothing(curves: Suite) -> None:
    curves.record(NAME="loss")
    (metric,) = curves.check(NAME="loss")[TEST]["metrics"]
    assert metric["alpha"] == pytest.approx(0.05)


def test_curves_are_not_judged_where_that_is_off(curves: Suite) -> None:
    curves.record()
    assert curves.run("--mlregress-curves=off", STUCK="1").ret == 0


def test_a_curve_without_a_direction_ends_nothing(curves: Suite) -> None:
    curves.record(NAME="loss")
    assert curves.run(NAME="loss", STUCK="1").ret == 0


def test_a_late_start_that_ends_the_same_is_not_ended(curves: Suite) -> None:
    curves.record()
    assert curves.run(LATE="18").ret == 0


def test_a_run_at_half_the_speed_is_not_ended(curves: Suite) -> None:
    curves.record()
    assert curves.run(SPEED="0.5").ret == 0


def test_judging_curves_leaves_the_random_numbers_of_a_training_alone(
    suite: Suite, workers: str
) -> None:
    """The first point of a check is the first to need numpy; updates need none."""
    suite.write(
        """
        import random
        import pytest

        @pytest.mark.seeds(3)
        def test_it(mlregress):
            for step in range(40):
                mlregress.log(step, accuracy=0.5 + 0.01 * step + random.gauss(0, 0.001))
            mlregress.record("accuracy", 0.9 + random.gauss(0, 0.01), higher_is_better=True)
        """
    )
    updated = suite.run("--mlregress-update", "--mlregress-allow-dirty", apart=True)
    assert updated.ret == 0
    suite.commit()
    suite.run(workers, apart=True)
    assert list(suite.verdicts.values()) == ["identical"]


def test_a_seed_that_is_run_again_begins_its_curves_again(curves: Suite) -> None:
    """A value of the first attempt that was not finite would end the second one, too."""
    curves.record()
    curves.configure("rerunfailures")
    curves.write(
        TRAINING.replace(
            "            mlregress.log(",
            "            if mlregress.seed == 0 and step == 9 and not os.path.exists('tried'):\n"
            "                open('tried', 'w').close()\n"
            "                good = float('nan')\n"
            "            mlregress.log(",
        )
    )
    result = curves.run("-n0", "--reruns=1")
    assert " 1 rerun" in result.outlines[-1]
    assert result.ret == 0
    assert curves.verdicts == {TEST: "identical"}


def test_limits_that_cannot_be_computed_fail_their_seed_and_end_no_run(curves: Suite) -> None:
    curves.record()
    curves.write(
        """
        from pytest_mlregress.statistics import curve_collapse

        def fail(*arguments, **named):
            raise ValueError("no limits")

        curve_collapse.curve_band = fail
        """,
        "conftest.py",
    )
    result = curves.run("-n0", apart=True)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    assert "ValueError: no limits" in result.stdout.str()
