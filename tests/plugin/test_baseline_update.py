"""`--mlregress-update` and `--mlregress-update-new-only`: what is recorded, and how."""

from __future__ import annotations

import json
import re
from subprocess import CalledProcessError

import pytest
from baseline_files import FILE, TEST, document, files_of, git
from training_suite import TRAINING, Suite

TIERS = """
    import random

    import pytest


    @pytest.mark.seeds(5)
    @pytest.mark.mlregress(test="robust-t")
    @pytest.mark.tiers(fast={"mean": 0.8}, full={"mean": 0.9})
    def test_training(mlregress):
        accuracy = random.gauss(mlregress.params["mean"], 0.01)
        mlregress.record("accuracy", accuracy, higher_is_better=True)
"""
EDITED = (
    "the baseline file was edited by hand, or two updates were merged into it: its revision is "
    "not that of its content"
)
OTHER = TRAINING.replace("LOSS", "OTHER_LOSS").replace("0.9,", "0.7,")


def metrics(suite: Suite, file: str = FILE) -> object:
    return document(suite, file)["metrics"]


def test_one_file_per_test_beside_the_test_file(suite: Suite, workers: str) -> None:
    suite.write(TRAINING)
    suite.write(
        TRAINING.replace("def ", "@pytest.mark.parametrize('depth', [2, 3])\n    def ").replace(
            "(mlregress)", "(mlregress, depth)"
        ),
        "deep/er/test_deep.py",
    )
    result = suite.run(workers, "--mlregress-update")
    assert result.ret == 0
    assert list(files_of(suite)) == [
        FILE,
        "deep/er/__baselines__/test_deep/test_training[2].default.json",
        "deep/er/__baselines__/test_deep/test_training[3].default.json",
    ]
    result.stdout.fnmatch_lines(["mlregress: update, alpha 0.05, *", "=* 3 passed, 60 seeds in *"])
    suite.commit()
    assert suite.run(workers).ret == 0
    assert set(suite.verdicts.values()) == {"identical"}


def test_a_baseline_says_where_it_comes_from(recorded: Suite) -> None:
    content = document(recorded)
    assert (content["schema"], content["test"], content["tier"]) == (4, TEST, "default")
    assert len(content["metrics"]["accuracy"]["values"]) == 20
    provenance = content["provenance"]
    assert provenance["commit"] == git(recorded.path, "rev-parse", "HEAD~1")
    assert provenance["branch"] == "main"
    assert provenance["dirty"] is False
    assert provenance["seeds"] == list(range(20))


def test_a_baseline_says_what_every_seed_took(recorded: Suite) -> None:
    spent = document(recorded)["spent"]

    assert list(spent) == sorted(map(str, range(20)))
    assert all(took["duration"] >= 0.0 and took["peak_memory"] > 2**20 for took in spent.values())
    assert all("peak_gpu_memory" not in took for took in spent.values())
    suite = recorded
    assert suite.run("--mlregress-update", "--mlregress-baseline-seeds=7").ret == 0
    assert list(document(suite)["spent"]) == sorted(map(str, range(7)))


def test_the_number_of_seeds_may_be_given(suite: Suite) -> None:
    suite.write(TRAINING)
    result = suite.run("--mlregress-update", "--mlregress-baseline-seeds=7")
    result.stdout.fnmatch_lines(["=* 1 passed, 7 seeds in *"])
    assert document(suite)["provenance"]["seeds"] == list(range(7))


def test_two_updates_of_one_commit_agree_bit_for_bit(suite: Suite) -> None:
    suite.write(TRAINING)
    suite.write(OTHER, "test_other.py")
    other = FILE.replace("test_training/", "test_other/")
    suite.record("-n0")
    first = metrics(suite), metrics(suite, other)
    suite.record("-n2")
    assert (metrics(suite), metrics(suite, other)) == first
    assert document(suite)["parent"] is not None


def test_an_update_that_changes_nothing_keeps_the_anchor(recorded: Suite) -> None:
    before = document(recorded)
    recorded.record()
    after = document(recorded)
    assert after["anchor"] == before["anchor"]
    assert after["parent"] == before["revision"]
    assert after["ledger"][-1]["reason"] == "accuracy: pass"


def test_every_tier_has_its_own_baseline(suite: Suite) -> None:
    suite.write(TIERS)
    fast, full = FILE.replace("default", "fast"), FILE.replace("default", "full")
    suite.record()
    assert list(files_of(suite)) == [fast]
    suite.run("--mlregress-tier=full")
    assert suite.verdicts == {TEST: "no-baseline"}
    before = files_of(suite)[fast]
    suite.record("--mlregress-tier=full")
    assert list(files_of(suite)) == [fast, full]
    assert files_of(suite)[fast] == before
    for tier in ("fast", "full"):
        suite.run(f"--mlregress-tier={tier}")
        assert suite.tests[TEST]["tier"] == tier
        assert suite.verdicts == {TEST: "identical"}


def test_tiers_of_a_test_are_not_compared_with_each_other(suite: Suite) -> None:
    suite.write(TIERS)
    suite.record()
    path = suite.path / FILE.replace("default", "fast")
    path.rename(suite.path / FILE.replace("default", "full"))
    result = suite.run("--mlregress-tier=full")
    assert suite.verdicts == {TEST: "incomparable"}
    assert result.ret == 1


def test_new_only_records_what_is_missing_and_leaves_the_rest(
    recorded: Suite, workers: str
) -> None:
    before = files_of(recorded)[FILE]
    recorded.write(OTHER, "test_other.py")
    result = recorded.run(workers, "--mlregress-update-new-only", LOSS="0.5")
    assert result.ret == 0
    assert recorded.verdicts == {"test_other.py::test_training": "recorded"}
    assert files_of(recorded).keys() == {FILE, FILE.replace("test_training/", "test_other/")}
    assert files_of(recorded)[FILE] == before
    result.stdout.fnmatch_lines(["mlregress: update (new only), *"])


def test_new_only_counts_what_it_left_out(recorded: Suite) -> None:
    recorded.write(OTHER, "test_other.py")
    result = recorded.run("--mlregress-update-new-only")
    result.stdout.fnmatch_lines(["collected 40 items / 20 deselected / 20 selected"])
    result.stdout.fnmatch_lines(["=* 1 passed, 20 deselected, 20 seeds in *"])


def test_new_only_with_nothing_new_runs_nothing(recorded: Suite) -> None:
    before = files_of(recorded)
    result = recorded.run("--mlregress-update-new-only", LOSS="0.5")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert files_of(recorded) == before


def test_new_only_does_not_take_other_tests_for_recorded(recorded: Suite) -> None:
    recorded.write("def test_plain(): pass", "test_plain.py")
    result = recorded.run("--mlregress-update-new-only")
    result.stdout.fnmatch_lines(["=* 1 passed, 20 deselected in *"])


def test_a_test_without_metrics_needs_no_baseline(suite: Suite) -> None:
    suite.write("import pytest\n@pytest.mark.seeds(3)\ndef test_runs(seed): pass")
    assert suite.run("--mlregress-update").ret == 0
    assert files_of(suite) == {}


def test_outside_a_repository_an_update_is_allowed_and_says_no_commit(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.write(TRAINING)
    (suite.path / ".git").rename(suite.path / "not-git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(suite.path.parent))
    assert suite.run("--mlregress-update").ret == 0
    assert document(suite)["provenance"]["commit"] is None
    assert suite.run().ret == 0
    assert suite.verdicts == {TEST: "identical"}


def test_branches_that_touch_different_tests_merge(suite: Suite) -> None:
    suite.write(TRAINING)
    suite.write(OTHER, "test_other.py")
    suite.record()
    git(suite.path, "switch", "--quiet", "--create=left")
    suite.record("test_training.py", LOSS="-0.05")
    git(suite.path, "switch", "--quiet", "--create=right", "main")
    suite.record("test_other.py", OTHER_LOSS="-0.05")
    git(suite.path, "merge", "--quiet", "--no-edit", "left")
    suite.run("--mlregress-stop=never", LOSS="-0.05", OTHER_LOSS="-0.05")
    assert set(suite.verdicts.values()) == {"identical"}


def test_updates_of_one_test_on_two_branches_conflict_and_the_check_says_so(
    recorded: Suite,
) -> None:
    git(recorded.path, "switch", "--quiet", "--create=left")
    recorded.record(LOSS="-0.05")
    git(recorded.path, "switch", "--quiet", "--create=right", "main")
    recorded.record(LOSS="-0.06")
    with pytest.raises(CalledProcessError):
        git(recorded.path, "merge", "--quiet", "--no-edit", "left")
    assert recorded.run().ret == 1
    assert recorded.verdicts == {TEST: "incomparable"}
    assert recorded.tests[TEST]["reasons"] == [
        f"{FILE}: at $: it holds a merge conflict. Take one side whole (git "
        "checkout --ours or --theirs, then git add), since neither was measured on the merged "
        "code, and record it again with --mlregress-update"
    ]


def test_a_conflict_resolved_by_hand_is_no_baseline_but_either_side_is(recorded: Suite) -> None:
    git(recorded.path, "switch", "--quiet", "--create=left")
    recorded.record(LOSS="-0.05")
    left = (recorded.path / FILE).read_bytes()
    git(recorded.path, "switch", "--quiet", "--create=right", "main")
    recorded.record(LOSS="-0.06")
    # Every value of one side under the revision of the other: what two hunks taken apart leave.
    theirs = document(recorded)["revision"].encode()
    mixed = left.replace(json.loads(left)["revision"].encode(), theirs)
    (recorded.path / FILE).write_bytes(mixed)
    recorded.commit()
    assert recorded.run(LOSS="-0.05").ret == 1
    assert recorded.verdicts == {TEST: "incomparable"}
    assert recorded.tests[TEST]["reasons"] == [EDITED]
    git(recorded.path, "checkout", "--quiet", "left", "--", FILE)
    recorded.commit()
    assert recorded.run(LOSS="-0.05").ret == 0
    recorded.record(LOSS="-0.05")


def test_a_baseline_lowered_by_hand_makes_no_loss_a_gain(recorded: Suite, workers: str) -> None:
    lower_by_hand(recorded)
    edited = files_of(recorded)
    result = recorded.run(workers, LOSS="0.3")
    assert result.ret == 1
    assert recorded.verdicts == {TEST: "incomparable"}
    assert recorded.tests[TEST]["reasons"] == [EDITED]
    assert recorded.tests[TEST]["next_steps"] == [
        "restore one side of it whole from version control (git checkout REF -- FILE), and where "
        f"that was not measured on this code, record it again: pytest '{TEST}' --mlregress-update",
        "or start over from this code, with a new anchor and the reason: "
        f"pytest '{TEST}' --mlregress-update --mlregress-rebase-anchor='why'",
    ]
    for option in ("--mlregress-update", "--mlregress-update-new-only"):
        assert recorded.run(workers, option, LOSS="0.3").ret == 1
        assert recorded.verdicts == {TEST: "refused"}
        assert recorded.tests[TEST]["reasons"] == [
            f"{EDITED}; nothing tells whether the new values lost against it"
        ]
        assert files_of(recorded) == edited


def test_a_reason_records_an_edited_baseline_anew(recorded: Suite) -> None:
    lower_by_hand(recorded)
    recorded.record("--mlregress-rebase-anchor=the file was edited", LOSS="0.3")
    content = document(recorded)
    assert content["ledger"][-1]["reason"] == "the file was edited"
    assert content["ledger"][-1]["effects"] == {}
    assert content["anchor"]["accuracy"]["values"] == content["metrics"]["accuracy"]["values"]
    assert recorded.run(LOSS="0.3").ret == 0


def lower_by_hand(suite: Suite) -> None:
    """Lower every value of the baseline by 0.3, as an editor would, and commit it."""
    path = suite.path / FILE
    path.write_text(re.sub(r'("\d+": )0\.', r"\g<1>-0.3", path.read_text()))
    suite.commit()


class TestNotFinite:
    def test_a_metric_without_values_is_refused(self, suite: Suite, workers: str) -> None:
        suite.write(TRAINING.replace("accuracy, higher", "float('nan'), higher"))
        result = suite.run(workers, "--mlregress-update", "--mlregress-baseline-seeds=5")
        assert result.ret == 1
        assert suite.verdicts == {TEST: "refused"}
        assert suite.tests[TEST]["reasons"] == [
            "accuracy is not finite (nan) in 5 of 5 seeds: no candidate could ever be compared "
            "with such a baseline"
        ]
        assert suite.tests[TEST]["next_steps"] == [
            f"find the cause, then record again: pytest '{TEST}' --mlregress-update"
        ]
        assert files_of(suite) == {}

    def test_single_seeds_are_named_with_what_they_cost(self, suite: Suite) -> None:
        suite.write(SINGLE_NAN)
        result = suite.run("--mlregress-update", "--mlregress-baseline-seeds=20")
        assert result.ret == 0
        assert suite.verdicts == {TEST: "recorded"}
        assert suite.tests[TEST]["notes"] == [
            "accuracy: seeds 3, 7 gave nan, inf; checks against such a baseline are judged by "
            "ranks, so that the loss that 5 seeds should find is found in 73 % of checks "
            "instead of 90 %, and a non-finite seed of their own is no longer a failure by "
            "itself: find the cause, then record again"
        ]
        result.stdout.fnmatch_lines(["  accuracy: seeds 3, 7 gave nan, inf; checks against *"])


SINGLE_NAN = TRAINING.replace(
    "accuracy, higher", "{3: float('nan'), 7: float('inf')}.get(mlregress.seed, accuracy), higher"
)


class TestGrowing:
    """Without a number of seeds, an update runs as many as it needs."""

    def test_quick_first_baselines_have_40_seeds(self, suite: Suite, workers: str) -> None:
        suite.configure(baseline_seeds=None)
        suite.write(TRAINING)
        result = suite.run(workers, "--mlregress-update")
        assert result.ret == 0
        content = document(suite)
        assert content["provenance"]["seeds"] == list(range(40))
        assert len(content["metrics"]["accuracy"]["values"]) == 40
        result.stdout.fnmatch_lines(["recorded * 40 seeds"])

    def test_an_unchanged_update_takes_20(self, suite: Suite, workers: str) -> None:
        suite.configure(baseline_seeds=None)
        suite.write(TRAINING)
        suite.record()
        result = suite.run(workers, "--mlregress-update")
        assert result.ret == 0
        assert document(suite)["provenance"]["seeds"] == list(range(20))
        result.stdout.fnmatch_lines(["recorded * 20 seeds"])

    def test_a_loss_near_the_budget_takes_60_and_is_refused(self, suite: Suite) -> None:
        suite.configure(baseline_seeds=None)
        suite.write(TRAINING)
        suite.record()
        result = suite.run("--mlregress-update", LOSS="0.0065")
        assert result.ret == 1
        assert suite.verdicts == {TEST: "refused"}
        result.stdout.fnmatch_lines(["refused * 60/60 seeds"])
