"""Trainings that ignore the seed: refused where unknowing, compared bit for bit where meant."""

from __future__ import annotations

import json
from random import Random

import pytest
from training_suite import Suite

TEST = "test_training.py::test_training"

BLIND = """
    import os
    import random

    import pytest


    {marker}
    @pytest.mark.seeds(3)
    def test_training(mlregress):
        rng = random.Random(42)
        accuracy = rng.gauss(0.9, 0.01) + float(os.environ.get("CHANGE", "0"))
        mlregress.record("accuracy", accuracy, higher_is_better=True)
"""
"""A training with a seed of its own; the variable CHANGE moves its value."""

DETERMINISTIC = BLIND.format(marker="@pytest.mark.mlregress(deterministic=True)")
VALUE = Random(42).gauss(0.9, 0.01)


def blind(suite: Suite, source: str = BLIND.format(marker="")) -> Suite:
    suite.write(source)
    return suite


def test_an_update_whose_seeds_are_all_equal_is_refused_with_the_ways_to_mend_it(
    suite: Suite, workers: str
) -> None:
    result = blind(suite).run(workers, "--mlregress-update")
    assert result.ret == 1
    assert suite.verdicts == {TEST: "refused"}
    assert not list(suite.path.rglob("__baselines__/*"))
    (reason,) = suite.tests[TEST]["reasons"]
    assert reason == (
        "all 20 seeds gave the same values (accuracy 0.898559): does the training use "
        "mlregress.seed? without scatter the first change of a rounding error would be red"
    )
    steps = suite.tests[TEST]["next_steps"]
    assert steps[0] == "Hugging Face: TrainingArguments(seed=mlregress.seed), 42 by default"
    assert steps[1] == "Lightning: seed_everything(mlregress.seed)"
    assert steps[-1] == (
        "or, where the training ignores its seed on purpose: "
        "@pytest.mark.mlregress(deterministic=True), or "
        f"pytest '{TEST}' --mlregress-update --mlregress-deterministic"
    )


def test_seeds_whose_curves_differ_are_recorded(suite: Suite) -> None:
    curve = "        mlregress.log(0, {'loss': float(mlregress.seed)})\n"
    blind(suite, BLIND.format(marker="") + curve).record()
    assert suite.verdicts == {TEST: "recorded"}


@pytest.mark.parametrize(("value", "verdict"), [(1.0, "recorded"), (0.5, "refused")])
def test_a_coarse_metric_may_be_at_its_bound_in_every_seed(
    suite: Suite, value: float, verdict: str
) -> None:
    suite.write(
        f"""
        def test_training(mlregress):
            mlregress.record("accuracy", {value}, higher_is_better=True, resolution=0.01)
        """
    )
    suite.run("--mlregress-update")
    assert suite.verdicts == {TEST: verdict}


def test_a_deterministic_training_runs_one_seed_and_any_bit_is_red(
    suite: Suite, workers: str
) -> None:
    blind(suite, DETERMINISTIC).record(workers)
    assert suite.tests[TEST]["planned"] == [0]
    suite.run(workers)
    assert suite.verdicts == {TEST: "identical"}
    result = suite.run(workers, CHANGE="1e-9")
    assert result.ret == 1
    assert suite.verdicts == {TEST: "regression"}
    assert suite.tests[TEST]["reasons"] == [
        f"deterministic=True, but accuracy moved from {VALUE!r} to {VALUE + 1e-9!r}"
    ]
    assert suite.tests[TEST]["next_steps"][-1] == (
        f"if the change is intended, record the new value: pytest '{TEST}' --mlregress-update"
    )


def test_the_option_declares_every_test_and_an_update_keeps_old_and_new_value(suite: Suite) -> None:
    blind(suite).record("--mlregress-deterministic")
    suite.record("--mlregress-deterministic", CHANGE="-0.25")
    assert suite.tests[TEST]["reasons"] == [f"accuracy: {VALUE!r} -> {VALUE - 0.25!r}"]
    (path,) = suite.path.rglob("__baselines__/**/*.json")
    artifact = json.loads(path.read_text("utf-8"))
    assert artifact["metrics"]["accuracy"]["values"] == {"0": VALUE - 0.25}
    assert artifact["ledger"][-1]["reason"] == f"accuracy: {VALUE!r} -> {VALUE - 0.25!r}"
    suite.run("--mlregress-deterministic", CHANGE="-0.25")
    assert suite.verdicts == {TEST: "identical"}


def test_a_check_without_the_declaration_is_incomparable(suite: Suite) -> None:
    blind(suite).record("--mlregress-deterministic")
    suite.run()
    assert suite.verdicts == {TEST: "incomparable"}
    assert suite.tests[TEST]["reasons"] == [
        "the baseline holds one seed, recorded with deterministic=True "
        "(--mlregress-deterministic); this check has neither"
    ]
    assert suite.tests[TEST]["next_steps"][0] == (
        "if the training uses its seed by now, record a sample of seeds: "
        f"pytest '{TEST}' --mlregress-update"
    )


def test_a_seeded_training_that_has_become_blind_is_told_so(recorded: Suite) -> None:
    recorded.write(BLIND.format(marker=""))
    recorded.run("--mlregress-stop=never")
    (note,) = recorded.tests[TEST]["notes"][:1]
    assert note.startswith("all 3 seeds gave the same values: does the training use mlregress.seed")


def test_a_baseline_of_seeds_that_differ_has_no_one_value_to_compare_with(recorded: Suite) -> None:
    recorded.run("--mlregress-deterministic")
    assert recorded.verdicts == {TEST: "incomparable"}
    assert recorded.tests[TEST]["reasons"] == [
        "deterministic=True compares one value bit for bit, and the seeds of the baseline differ "
        "in accuracy"
    ]


def test_a_plan_of_a_deterministic_training_says_that_there_is_nothing_to_plan(
    suite: Suite,
) -> None:
    result = blind(suite, DETERMINISTIC)
    suite.record()
    result = suite.run("--mlregress-plan")
    result.stdout.fnmatch_lines(["*deterministic: one seed is compared bit for bit*"])


def test_an_argument_that_is_no_truth_value_is_an_error(suite: Suite) -> None:
    blind(suite, BLIND.format(marker="@pytest.mark.mlregress(deterministic='yes')"))
    result = suite.run()
    result.stdout.fnmatch_lines(["*mlregress(deterministic='yes'): not one of True, False*"])
