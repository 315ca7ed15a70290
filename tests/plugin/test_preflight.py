"""`--mlregress-preflight`: one step of every selected test."""

from __future__ import annotations

import pytest
from training_suite import TRAINING, Suite

TORCH = """
    import pytest
    import torch

    def train(steps=50, optimizer=torch.optim.SGD):
        model = torch.nn.Linear(2, 1)
        opt = optimizer(model.parameters(), lr=0.01)
        for step in range(steps):
            def closure():
                opt.zero_grad()
                loss = model(torch.ones(4, 2)).square().mean()
                loss.backward()
                return loss
            opt.step(closure)
            with open("steps", "a") as file:
                file.write(".")
        return model

    @pytest.mark.seeds(5)
    def test_stepped(mlregress):
        train()
        raise AssertionError("the training was to end")

    @pytest.mark.seeds(5)
    def test_closure(mlregress):
        train(optimizer=torch.optim.LBFGS)
        raise AssertionError("the training was to end")

    @pytest.mark.seeds(5)
    def test_forgiving(mlregress):
        try:
            train()
        except Exception:
            raise AssertionError("handlers of errors are not to see it")

    @pytest.mark.seeds(5)
    def test_swallowing(mlregress):
        try:
            train()
        except BaseException:
            pass

    @pytest.mark.seeds(5)
    def test_declared(mlregress):
        train(steps=1 if mlregress.preflight else 1000)
        mlregress.record("accuracy", mlregress.seed, higher_is_better=True)

    @pytest.mark.seeds(5)
    def test_broken_evaluation(mlregress):
        train(steps=1 if mlregress.preflight else 1000)
        mlregress.record("accuracy", "high", higher_is_better=True)

    @pytest.mark.seeds(5)
    @pytest.mark.xfail(strict=True, reason="not yet")
    def test_expected(mlregress):
        train()

    @pytest.fixture
    def trained():
        return train()

    @pytest.fixture(scope="module")
    def shared():
        return train(2)

    @pytest.fixture
    def asking(mlregress):
        return train(1 if mlregress.preflight else 1000)

    @pytest.mark.seeds(5)
    def test_fixture(mlregress, trained):
        pass

    @pytest.mark.seeds(5)
    def test_fixture_asks(mlregress, asking):
        pass

    @pytest.mark.seeds(5)
    def test_fixture_shared(mlregress, shared):
        train()

    @pytest.mark.seeds(5)
    @pytest.mark.xfail(reason="not yet")
    def test_expected_failure(mlregress):
        raise ValueError("no data")

    @pytest.mark.seeds(5)
    @pytest.mark.xfail(run=False, reason="hangs")
    def test_expected_hang(mlregress):
        raise AssertionError

    @pytest.mark.seeds(2)
    @pytest.mark.mlregress(num_gpus=64)
    def test_elsewhere(mlregress):
        raise AssertionError

    def test_plain():
        pass
"""


def test_one_step_of_every_test(suite: Suite) -> None:
    suite.configure(ini="mlregress_report = ignored.json")
    suite.write(TORCH, "test_torch.py")
    result = suite.pytester.runpytest_inprocess("--mlregress-preflight")
    assert result.ret == 1
    result.stdout.no_fnmatch_line("*Warning*")
    result.stdout.re_match_lines(
        [
            r"failed  test_torch.py::test_broken_evaluation",
            r"          .*RecordError: test_torch.py::test_broken_evaluation: metric 'accuracy'.*",
            r"ok      test_torch.py::test_closure",
            r"          [\d.]+ s, [\d.]+ [MG]B, ended after its first optimizer step",
            r"ok      test_torch.py::test_declared",
            r"          [\d.]+ s, [\d.]+ [MG]B, one step, as the test has it",
            r"skipped test_torch.py::test_elsewhere",
            r"          needs 64 GPUs, this machine has 0 \(CUDA_VISIBLE_DEVICES is not set\)",
            r"ok      test_torch.py::test_expected",
            r"          [\d.]+ s, [\d.]+ [MG]B, ended after its first optimizer step",
            r"ok      test_torch.py::test_expected_failure",
            r"          [\d.]+ s, [\d.]+ [MG]B, failed as expected \(xfail\): not yet",
            r"ok      test_torch.py::test_expected_hang",
            r"          [\d.]+ s, [\d.]+ [MG]B, not run \(xfail\): hangs",
            r"ok      test_torch.py::test_fixture",
            r"          [\d.]+ s, [\d.]+ [MG]B, 50 optimizer steps in the fixture 'trained': it .*",
            r"ok      test_torch.py::test_fixture_asks",
            r"          [\d.]+ s, [\d.]+ [MG]B, one step, as the test has it",
            r"ok      test_torch.py::test_fixture_shared",
            r"          .*, ended after its first optimizer step, 2 optimizer steps in .*",
            r"ok      test_torch.py::test_forgiving",
            r"          [\d.]+ s, [\d.]+ [MG]B, ended after its first optimizer step",
            r"ok      test_torch.py::test_stepped",
            r"ok      test_torch.py::test_swallowing",
            r"          .*, ran to the end: the test catches BaseException, which was to end it",
            r"preflight: 13 tests, 11 ok \([\d.]+ s each\), 1 failed, 1 skipped; a seed takes .*",
        ]
    )
    assert (suite.path / "steps").read_text() == "." * 55  # of those whose steps are their own
    assert not (suite.path / "ignored.json").exists()
    assert not list(suite.path.glob("**/__baselines__"))


TIERED = """
    import pytest

    @pytest.mark.seeds(5)
    @pytest.mark.tiers(fast={"epochs": 1}, full={"epochs": 20})
    @pytest.mark.parametrize("width", [3])
    def test_tiered(mlregress, width):
        assert mlregress.params["epochs"] == {"fast": 1, "full": 20}[mlregress.tier]
        if mlregress.tier == "full":
            raise OSError("no room for the checkpoint")

    @pytest.mark.seeds(5)
    def test_untiered(mlregress):
        assert mlregress.tier == "default"
"""


def test_every_tier(suite: Suite, workers: str) -> None:
    suite.write(TIERED)
    result = suite.pytester.runpytest_inprocess(
        "--mlregress-preflight", "--mlregress-tier=all", workers
    )
    assert result.ret == 1
    result.stdout.re_match_lines(
        [
            r"ok      test_training.py::test_tiered\[3-fast\]",
            r"          [\d.]+ s, [\d.]+ [MG]B, no optimizer step seen; ran to the end",
            r"failed  test_training.py::test_tiered\[3-full\]",
            r"          OSError: no room for the checkpoint.*",
            r"ok      test_training.py::test_untiered",
            r"preflight: 3 tests, 2 ok \([\d.]+ s each\), 1 failed; a seed takes up to .*",
        ]
    )
    said = " ".join(result.stdout.str().split())
    assert "; to run what failed: --lf --mlregress-tier=full ===" in said
    again = suite.run("--lf")
    again.stdout.fnmatch_lines(["run-last-failure: rerun previous 5 failures"])
    assert suite.verdicts == {"test_training.py::test_tiered[3]": "pass"}


def test_a_seed_that_is_named_is_the_one_that_runs(suite: Suite) -> None:
    suite.write(TIERED)
    result = suite.pytester.runpytest_inprocess(
        "--mlregress-preflight",
        "-v",
        "test_training.py::test_untiered[seed2]",
        "test_training.py::test_tiered[3-seed4]",
    )
    assert result.ret == 0
    result.stdout.fnmatch_lines(["test_training.py::test_untiered?seed2? PASSED*"])
    result.stdout.fnmatch_lines(["test_training.py::test_tiered?3-seed4? PASSED*"])
    result.stdout.re_match_lines([r"preflight: 2 tests, 2 ok .*"])


def test_a_worker_that_dies_is_a_failure(suite: Suite) -> None:
    suite.write(
        """
        import os
        import pytest
        @pytest.mark.seeds(5)
        def test_dies(mlregress): os._exit(9)
        @pytest.mark.seeds(5)
        def test_lives(mlregress): pass
        """
    )
    result = suite.pytester.runpytest_inprocess("--mlregress-preflight", "-n2")
    assert result.ret == 1
    result.stdout.re_match_lines(
        [
            r"failed  test_training.py::test_dies\[seed0\]",
            r"          worker 'gw\d' crashed while running .*",
            r"ok      test_training.py::test_lives",
            r"preflight: 2 tests, 1 ok \([\d.]+ s each\), 1 failed; .*",
        ]
    )


def test_a_recorded_suite_keeps_its_baseline_and_cache(recorded: Suite) -> None:
    result = recorded.pytester.runpytest_inprocess(
        "--mlregress-preflight", "-x", "--mlregress-seeds=3,7", "--mlregress-cache=kept", "-v"
    )
    assert result.ret == 0
    result.stdout.fnmatch_lines(["test_training.py::test_training?seed3? PASSED*"])
    assert not (recorded.path / "kept").exists()
    assert recorded.check()["test_training.py::test_training"]["verdict"] == "identical"


def test_preflight_is_false_in_any_other_run(suite: Suite) -> None:
    suite.write(
        TRAINING.replace("accuracy =", "assert not mlregress.preflight\n        accuracy =")
    )
    suite.record()


def test_nothing_regresses_without_regression_tests(suite: Suite) -> None:
    suite.write("def test_plain(): pass\n")
    result = suite.pytester.runpytest_inprocess("--mlregress-preflight")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*preflight: *")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--mlregress-tier=all",),
            "--mlregress-tier=all goes with --mlregress-preflight, which trains one step of every "
            "tier; name one tier, or leave the option out for each test's first",
        ),
        *(
            (
                ("--mlregress-preflight", flag),
                "--mlregress-preflight trains one step of this tree and reaches no verdict; run it "
                f"without {flag.partition('=')[0]}, then {flag.partition('=')[0]} without it",
            )
            for flag in ("--mlregress-update", "--mlregress-against=main", "--mlregress-plan")
        ),
        (
            ("--mlregress-preflight", "--mlregress-report=report.json"),
            "--mlregress-report: a preflight reaches no verdict to report; what it found is in "
            "pytest's own reports, such as --junitxml",
        ),
        (
            ("--mlregress-data-fraction=0.5",),
            "--mlregress-data-fraction=0.5: a check compares trainings on all of the data; for "
            "shares of them run: mlregress curve TEST --over data",
        ),
        (
            ("--mlregress-data-fraction=0",),
            "--mlregress-data-fraction: '0' is no data at all; give a share above 0",
        ),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(
    suite: Suite, arguments: tuple[str, ...], message: str
) -> None:
    result = suite.pytester.runpytest_inprocess(*arguments)
    assert result.ret == 4
    assert f"ERROR: {message}" in result.stderr.lines


def test_a_tier_cannot_be_called_all(suite: Suite) -> None:
    suite.write(TIERED.replace("fast=", "all="))
    result = suite.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        [
            "*tiers(all={'epochs': 1}): --mlregress-tier=all stands for every"
            " tier; give this one another name"
        ]
    )
