"""Seeds whose process dies, hangs or is run again."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from training_suite import TRAINING, Suite, late_training

TEST = "test_training.py::test_training"


def dying(when: str) -> str:
    """The training, with a seed 1 that takes its process with it."""
    return TRAINING.replace(
        "accuracy = ", f"if mlregress.seed == 1 and {when}: os._exit(3)\n        accuracy = "
    )


def seed_of(suite: Suite, seed: int) -> dict[str, object]:
    """A seed in the JSON report."""
    (found,) = [each for each in suite.tests[TEST]["seeds"] if each["seed"] == seed]
    return dict(found)


ONCE = "not os.path.exists('died') and not open('died', 'w').close()"


@pytest.mark.parametrize("dist", ["load", "worksteal", "loadscope", "loadfile"])
def test_a_worker_that_dies_once_costs_no_verdict(recorded: Suite, dist: str) -> None:
    recorded.write(dying(ONCE))
    result = recorded.run("-n2", f"--dist={dist}", "--mlregress-stop=never")
    if dist in ("load", "worksteal"):
        assert recorded.verdicts == {TEST: "identical"}
        assert " 1 passed, " in result.stdout.lines[-1]
        assert result.ret == 0
    else:  # these schedulers cannot run a single item again
        assert recorded.verdicts == {TEST: "incomplete"}
        assert result.ret == 1


def test_a_worker_that_always_dies_leaves_no_verdict(recorded: Suite) -> None:
    recorded.write(dying("True"))
    result = recorded.run("-n2", "--mlregress-stop=never")
    assert recorded.verdicts == {TEST: "incomplete"}
    assert result.ret == 1
    lost = "seed 1: lost with its worker 3 times, ended with exit status 3 each time"
    assert recorded.tests[TEST]["reasons"] == [lost]
    assert recorded.tests[TEST]["next_steps"] == [
        f"the seed alone, in this process: pytest '{TEST}' -k seed1 -n0",
        f"run all of its seeds: pytest '{TEST}'",
    ]
    assert seed_of(recorded, 1)["outcome"] == "lost"
    result.stdout.fnmatch_lines([f"FAILED {TEST} - incomplete, hence no verdict: {lost[:30]}*"])


def test_a_worker_that_dies_before_any_seed_has_reported_is_known_by_its_test(
    recorded: Suite,
) -> None:
    recorded.write(
        TRAINING.replace(
            "    @pytest.mark.seeds(5)",
            "    @pytest.fixture(autouse=True)\n    def dies(seed):\n"
            "        if seed == 0: os._exit(3)\n\n    @pytest.mark.seeds(5)",
        )
    )
    recorded.run("-n2", "--mlregress-stop=never", "--max-worker-restart=8")
    assert recorded.verdicts == {TEST: "incomplete"}


def test_a_worker_that_dies_in_an_update_leaves_the_old_baseline(recorded: Suite) -> None:
    (baseline,) = recorded.path.glob("__baselines__/*/*.json")
    before = baseline.read_bytes()
    recorded.write(dying("True"))
    result = recorded.run("-n2", "--mlregress-update")
    assert recorded.verdicts[TEST] != "recorded"
    assert result.ret == 1
    assert baseline.read_bytes() == before


def test_other_tests_keep_their_verdicts(recorded: Suite) -> None:
    recorded.write(TRAINING, "test_other.py")
    recorded.record("test_other.py")
    recorded.write(dying("True"))
    recorded.run("-n2")
    assert recorded.verdicts["test_other.py::test_training"] == "identical"


def test_a_seed_that_is_lost_after_the_verdict_is_cancelled(recorded: Suite) -> None:
    recorded.write(late_training("os._exit(3)"))
    result = recorded.run("-n2", "--junitxml=out.xml")
    assert recorded.verdicts == {TEST: "identical"}
    late = seed_of(recorded, 2)
    assert (late["outcome"], late["message"]) == (
        "cancelled",
        "mlregress: not needed, the verdict of this test is certain",
    )
    assert result.ret == 0
    assert " 1 passed, " in result.stdout.lines[-1]
    assert "rerun" not in result.stdout.lines[-1]
    cases = list(ElementTree.parse(recorded.path / "out.xml").iter("testcase"))
    (own,) = [case for case in cases if case.get("name") == "test_training"]
    assert own.find("failure") is None


def test_a_seed_that_raises_after_the_verdict_turns_it(recorded: Suite) -> None:
    recorded.write(late_training("raise OSError('disk')"))
    result = recorded.run("-n2")
    assert recorded.verdicts == {TEST: "diverged"}
    result.stdout.fnmatch_lines([f"FAILED {TEST}[[]seed[234]] - OSError: disk"])
    assert result.ret == 1
    assert "passed" not in result.stdout.lines[-1]
    recorded.run("--lf")
    assert recorded.tests[TEST]["selected"] == [0, 1, 2, 3, 4]


def test_a_seed_that_fails_after_an_update_was_accepted_leaves_the_old_baseline(
    recorded: Suite,
) -> None:
    (baseline,) = recorded.path.glob("__baselines__/*/*.json")
    before = baseline.read_bytes()
    recorded.configure(baseline_seeds=None)  # 60 are planned, and an unchanged one needs 20
    recorded.write(late_training("raise OSError('disk')", after=20))
    result = recorded.run("-n2", "--mlregress-update")
    assert recorded.verdicts == {TEST: "diverged"}
    assert (
        "; without it the verdict was recorded after 20 seeds" in recorded.tests[TEST]["reasons"][0]
    )
    assert result.ret == 1
    assert baseline.read_bytes() == before


def test_an_accepted_update_outlives_a_run_that_is_killed(recorded: Suite) -> None:
    (baseline,) = recorded.path.glob("__baselines__/*/*.json")
    before = baseline.read_bytes()
    recorded.configure(baseline_seeds=None)  # 60 are planned, and an unchanged one needs 20
    killed = "if mlregress.seed == 21: os._exit(3)\n        accuracy = "
    recorded.write(TRAINING.replace("accuracy = ", killed), "test_training_killed.py")
    result = recorded.run(
        "-n0", "--mlregress-update", "--mlregress-allow-dirty", LOSS="0.0001", apart=True
    )
    assert result.ret == 3
    assert baseline.read_bytes() != before


def test_a_fixture_that_fails_after_the_verdict_withdraws_it(recorded: Suite) -> None:
    recorded.write(
        TRAINING.replace(
            "    @pytest.mark.seeds",
            "    @pytest.fixture(scope='module', autouse=True)\n    def shared():\n"
            "        yield\n        raise RuntimeError('not closed')\n\n    @pytest.mark.seeds",
        )
    )
    result = recorded.run()
    assert recorded.verdicts == {TEST: "diverged"}
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            f"FAILED {TEST} - 1 of 3 seeds failed:*",
            f"ERROR {TEST}[[]seed4] - RuntimeError: not closed",
        ]
    )


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        (("mlregress.record('accuracy', float('nan'), higher_is_better=True); return",),
         "accuracy = nan"),
        (("mlregress.record('accuracy', 0.9, higher_is_better=False); return",),
         "accuracy was recorded with higher_is_better=False, by the others with True"),
        (("return",), "accuracy was not recorded"),
    ],
)  # fmt: skip
def test_odd_values_after_the_verdict_are_named(
    recorded: Suite, lines: tuple[str, ...], note: str
) -> None:
    recorded.write(late_training(*lines))
    result = recorded.run("-n2")
    assert recorded.verdicts == {TEST: "identical"}
    (found,) = recorded.tests[TEST]["notes"]
    assert re.fullmatch(r"seed [234]", found.partition(",")[0])  # which is late, workers decide
    note = f"{found.partition(',')[0]}, on which the verdict does not rest: {note}"
    assert found == note
    result.stdout.fnmatch_lines([f"*MLRegressWarning: {note}", f"  {note}"])
    assert result.ret == 0


HANGING = TRAINING.replace(
    "accuracy = ", "if mlregress.seed == 1: import time; time.sleep(60)\n        accuracy = "
)


def test_a_seed_that_times_out_is_a_failed_seed(recorded: Suite, workers: str) -> None:
    # Long enough for the first verdict to import scipy on a loaded machine.
    recorded.configure("timeout")
    recorded.write(HANGING)
    result = recorded.run(
        workers, "--timeout=8", "--timeout-method=signal", "--maxprocesses=1", LOSS="0.0001",
        apart=True,
    )  # fmt: skip
    assert recorded.verdicts == {TEST: "diverged"}
    assert recorded.tests[TEST]["reasons"] == ["seed 1 timed out after 8 s (test_training.py:10)"]
    assert seed_of(recorded, 1)["outcome"] == "timed out"
    result.stdout.fnmatch_lines(
        [
            "1 of ? seeds failed: seed 1: timed out after 8 s (test_training.py:10)",
            f"FAILED {TEST}[[]seed1] - Failed: Timeout (>8.0s) from pytest-timeout.",
        ]
    )
    assert result.ret == 1


@pytest.mark.parametrize("option", ["-n2", "--mlregress-workers=2"])
def test_a_seed_that_times_out_with_its_process_is_no_lost_one(
    recorded: Suite, option: str
) -> None:
    recorded.configure("timeout")
    recorded.write(HANGING.replace("import time;", "import time; print('asleep');"))
    result = recorded.run(option, "--timeout=4", "--timeout-method=thread", apart=True)
    assert recorded.verdicts == {TEST: "diverged"}
    assert recorded.tests[TEST]["reasons"] == ["seed 1 timed out after 4 s"]
    late = seed_of(recorded, 1)
    assert late["outcome"] == "timed out"
    assert "asleep" in str(late["captured"])
    assert "time.sleep(60)" in str(late["traceback"])
    assert "rerun" not in result.stdout.lines[-1]
    assert result.ret == 1


@pytest.mark.parametrize("loss", ["0", "0.05"])
def test_reruns_of_seeds_are_ignored_and_named(recorded: Suite, workers: str, loss: str) -> None:
    recorded.configure("rerunfailures")
    recorded.write(
        TRAINING.replace(
            "accuracy = ",
            "if mlregress.seed == 1 and not os.path.exists('tried'):\n"
            "            open('tried', 'w').close(); assert False, 'flaky'\n        accuracy = ",
        )
    )
    result = recorded.run(workers, "--reruns=2", "--mlregress-stop=never", LOSS=loss)
    assert recorded.verdicts == {TEST: "identical" if loss == "0" else "regression"}
    result.stdout.fnmatch_lines(
        ["note: failed attempts that pytest-rerunfailures made again: 1; only the last attempt "
    "counts, "
         "and a seed that fails and*"]
    )  # fmt: skip
    assert " 1 rerun" in result.stdout.lines[-1]
    assert result.ret == (0 if loss == "0" else 1)


def test_a_red_verdict_is_not_run_again(recorded: Suite) -> None:
    recorded.configure("rerunfailures")
    result = recorded.run("--reruns=2", LOSS="0.05")
    assert recorded.verdicts == {TEST: "regression"}
    assert "rerun" not in result.stdout.lines[-1]
