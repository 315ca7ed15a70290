"""What a run says before its start and while it goes on, where nothing is drawn."""

from __future__ import annotations

import re

import pytest
from training_suite import Suite

from pytest_mlregress.session.progress import hooks

VALUES = """
    import random
    import time

    import pytest


    @pytest.mark.seeds(3)
    def test_training(mlregress):
        time.sleep(0.1)
        mlregress.record("accuracy", 0.9 + 0.01 * mlregress.seed, higher_is_better=True)
        mlregress.record("loss", 2.0 ** -mlregress.seed, higher_is_better=False)
"""
NEW = """
    def test_new(mlregress):
        mlregress.record("accuracy", mlregress.seed / 7, higher_is_better=True)
"""
OFTEN = """
    from pytest_mlregress.session.progress import hooks

    hooks.LINE_EVERY_S = 0.02
"""


@pytest.fixture
def valued(suite: Suite) -> Suite:
    suite.configure(baseline_seeds=5)
    suite.write(VALUES)
    suite.record()
    return suite


def lines_of(result: pytest.RunResult) -> list[str]:
    """The lines that tell of the run, but for that of its settings."""
    return [
        line
        for line in result.outlines
        if line.startswith("mlregress: ") and not line.startswith("mlregress: check")
    ]


def test_the_line_of_a_seed_has_its_metrics_and_seconds(valued: Suite, workers: str) -> None:
    result = valued.run(workers, "-v", "--mlregress-stop=never")
    assert result.ret == 0
    words = ("accuracy 0.9, loss 1", "accuracy 0.91, loss 0.5", "accuracy 0.92, loss 0.25")
    for seed, metrics in enumerate(words):
        said = rf"SEED {re.escape(metrics)} \([0-9.]+ s\)"
        node = re.escape(f"test_training.py::test_training[seed{seed}]")
        line = (
            rf"\[gw\d\] \[ *\d+%\] {said} {node} "
            if workers == "-n2"
            else rf"{node} {said} +\[.*%\]"
        )
        assert sum(re.fullmatch(line, other) is not None for other in result.outlines) == 1
    result.assert_outcomes(passed=1)


def test_the_cost_is_said_before_the_first_seed(valued: Suite, workers: str) -> None:
    valued.write(NEW, "test_new.py")
    result = valued.run(workers, "--mlregress-missing=warn")
    on = " on 2 workers" if workers == "-n2" else ""
    (line,) = lines_of(result)
    assert line.startswith(f"mlregress: costs about 1 s{on} (at most 3 seeds, ")
    assert line.endswith(" of memory); 1 test without a recorded duration not counted")
    place = result.outlines.index(line)
    assert not any("%]" in other for other in result.outlines[:place])


def test_nothing_is_said_of_a_cost_that_is_not_known(suite: Suite) -> None:
    suite.write(NEW, "test_new.py")
    result = suite.run("-n0", "--mlregress-missing=warn")
    assert lines_of(result) == []


@pytest.mark.parametrize("quiet", ["-q", "--mlregress-progress=off", "--collect-only"])
def test_a_run_may_be_silent(valued: Suite, quiet: str) -> None:
    assert lines_of(valued.run(quiet)) == []


def test_a_log_has_a_line_now_and_then(
    valued: Suite, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "LINE_EVERY_S", 0.05)
    result = valued.run(workers, "--mlregress-stop=never")
    _, *lines = lines_of(result)
    assert lines[0].startswith("mlregress: 0 of 3 seeds, about ")
    assert all(" of 3 seeds" in line for line in lines)
    assert result.ret == 0
    dots = "".join(line for line in result.outlines if set(line.split("[")[0]) <= set(". "))
    assert dots.count(".") >= 3  # those of the seeds, between the lines


def test_a_short_run_says_nothing_on_its_way(valued: Suite) -> None:
    (line,) = lines_of(valued.run("-n0"))
    assert line.startswith("mlregress: costs about ")


def test_a_mode_that_does_not_exist_is_refused(valued: Suite) -> None:
    result = valued.run("--mlregress-progress=bar")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: --mlregress-progress: 'bar' is not one of auto, live, lines, off"]
    )


def test_a_baseline_that_cannot_be_read_costs_no_estimate_of_the_others(valued: Suite) -> None:
    valued.write(VALUES.replace("test_training", "test_other"), "test_other.py")
    valued.record()
    (file,) = valued.path.glob("__baselines__/test_other/*.json")
    file.write_text("{")
    (line,) = lines_of(valued.run("-n0"))
    assert line.endswith("; 1 test without a recorded duration not counted")


def test_pytest_sugar_keeps_its_display(valued: Suite) -> None:
    pytest.importorskip("pytest_sugar")
    valued.write(OFTEN, "conftest.py")
    result = valued.run("-n0", "--force-sugar", "--mlregress-stop=never", apart=True)
    assert result.ret == 0
    assert any(" of 3 seeds" in line for line in lines_of(result))


def test_without_a_terminal_reporter_nothing_is_said(valued: Suite) -> None:
    assert valued.run("-p", "no:terminal", apart=True).ret == 0


def test_parameters_that_look_like_seeds_are_no_progress(
    suite: Suite, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "LINE_EVERY_S", 0.02)
    suite.write(
        """
        import time

        import pytest


        @pytest.mark.parametrize("start", [1, 2, 3, 4], ids="seed{}".format)
        def test_plain(start):
            time.sleep(0.1)
        """
    )
    result = suite.run(workers)
    assert result.ret == 0
    assert lines_of(result) == []
