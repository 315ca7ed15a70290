"""Baselines whose test is gone: listed, and deleted by `--mlregress-prune` when that is safe."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from baseline_files import FILE, doctor, files_of
from training_suite import TRAINING, Suite

OTHER_FILE = FILE.replace("test_training/", "test_other/")
SKIPPED = TRAINING.replace("@pytest", "@pytest.mark.skip\n    @pytest", 1)
TWO_TIERS = TRAINING.replace("@pytest", "@pytest.mark.tiers(default={}, full={})\n    @pytest", 1)
NOTE = "unused baseline {}: its test is gone; delete it with --mlregress-prune"


@pytest.fixture
def orphaned(recorded: Suite) -> Suite:
    """A suite with a baseline whose test was deleted, and one in use."""
    recorded.write(TRAINING, "test_other.py")
    recorded.record("test_other.py")
    (recorded.path / "test_other.py").unlink()
    recorded.commit()
    return recorded


def notes(suite: Suite) -> list[str]:
    return [note for note in suite.report["summary"]["notes"] if "unused baseline" in note]


def test_unused_baselines_are_listed_and_kept(orphaned: Suite) -> None:
    before = files_of(orphaned)
    assert orphaned.run().ret == 0
    assert notes(orphaned) == [NOTE.format(orphaned.path / OTHER_FILE)]
    assert files_of(orphaned) == before


def test_pruning_deletes_them_and_their_empty_folders(orphaned: Suite) -> None:
    assert orphaned.run("-n2", "--mlregress-prune").ret == 0
    assert notes(orphaned) == [
        f"deleted unused baseline {orphaned.path / OTHER_FILE}: its test is gone"
    ]
    assert files_of(orphaned).keys() == {FILE}
    assert not (orphaned.path / OTHER_FILE).parent.exists()
    orphaned.run()
    assert notes(orphaned) == []


def test_many_unused_baselines_are_one_line(recorded: Suite) -> None:
    three = TRAINING.replace("@pytest", '@pytest.mark.parametrize("x", [1, 2, 3])\n    @pytest', 1)
    recorded.write(three.replace("(mlregress)", "(mlregress, x)"), "test_other.py")
    recorded.record("test_other.py")
    (recorded.path / "test_other.py").unlink()
    recorded.commit()
    recorded.run()
    folder = recorded.path / "__baselines__" / "test_other"
    first, *others = sorted(folder.iterdir())
    gone = f"3 unused baselines, whose tests are gone: {first} and 2 more (-v lists them)"
    assert notes(recorded) == [f"{gone}; delete them with --mlregress-prune"]
    recorded.run("-v")
    assert notes(recorded) == [NOTE.format(path) for path in (first, *others)]
    recorded.run("--mlregress-prune")
    assert notes(recorded) == [f"deleted {gone}"]


def test_an_update_prunes_too(orphaned: Suite) -> None:
    assert orphaned.run("--mlregress-update", "--mlregress-prune").ret == 0
    assert files_of(orphaned).keys() == {FILE}


def test_a_red_run_prunes_nothing(orphaned: Suite) -> None:
    before = files_of(orphaned)
    assert orphaned.run("--mlregress-prune", LOSS="0.05").ret == 1
    assert files_of(orphaned) == before
    assert notes(orphaned) == [NOTE.format(orphaned.path / OTHER_FILE)]


@pytest.mark.parametrize(
    "filters",
    [
        ["-k", "training"],
        ["-m", "mlregress and not slow"],
        ["--deselect", "test_plain.py"],
        ["--ignore", "test_plain.py"],
        ["--ignore-glob", "*plain*"],
        ["test_training.py"],
        ["test_training.py::test_training"],
        ["--mlregress-update-new-only"],
        ["--collect-only"],
        ["--lf"],
        ["--sw"],
    ],
    ids=" ".join,
)
def test_a_filtered_run_neither_lists_nor_prunes(orphaned: Suite, filters: list[str]) -> None:
    before = files_of(orphaned)
    orphaned.write("def test_plain(): pass", "test_plain.py")
    orphaned.run("--mlregress-prune", *filters)
    assert files_of(orphaned) == before
    assert notes(orphaned) == []


@pytest.mark.parametrize("arguments", [["-m", "mlregress"], ["."], ["--ff"]], ids=" ".join)
def test_a_run_of_every_regression_test_is_whole(orphaned: Suite, arguments: list[str]) -> None:
    assert orphaned.run("--mlregress-prune", *arguments).ret == 0
    assert files_of(orphaned).keys() == {FILE}


def test_a_run_of_one_folder_prunes_there_only(orphaned: Suite) -> None:
    orphaned.write(TRAINING, "deep/test_deep.py")
    orphaned.write(TRAINING, "deep/test_gone.py")
    orphaned.record("deep")
    (orphaned.path / "deep/test_gone.py").unlink()
    deep = FILE.replace("test_training/", "test_deep/")
    assert orphaned.run("--mlregress-prune", "deep").ret == 0
    assert files_of(orphaned).keys() == {FILE, OTHER_FILE, f"deep/{deep}"}


def test_a_file_that_is_skipped_as_a_whole_is_not_gone(recorded: Suite, workers: str) -> None:
    recorded.write(TRAINING, "test_other.py")
    recorded.record("test_other.py")
    recorded.write("import pytest\npytest.importorskip('no_such_module')", "test_other.py")
    before = files_of(recorded)
    assert recorded.run(workers, "--mlregress-prune").ret == 0
    assert files_of(recorded) == before
    assert notes(recorded) == []


def test_a_skipped_test_is_not_gone(recorded: Suite) -> None:
    recorded.write(TRAINING, "test_other.py")
    recorded.record("test_other.py")
    recorded.write(SKIPPED, "test_other.py")
    before = files_of(recorded)
    assert recorded.run("--mlregress-prune").ret == 0
    assert files_of(recorded) == before


def test_a_file_that_cannot_be_imported_stops_pruning(orphaned: Suite) -> None:
    before = files_of(orphaned)
    orphaned.write("import no_such_module", "test_broken.py")
    orphaned.run("--mlregress-prune", "--continue-on-collection-errors")
    assert files_of(orphaned) == before


@pytest.mark.parametrize("stop", ["-x", "--maxfail=1"])
def test_a_run_that_is_cut_short_lists_nothing(orphaned: Suite, stop: str) -> None:
    orphaned.write("def test_wrong(): assert 0", "test_a.py")
    orphaned.run(stop)
    assert notes(orphaned) == []


def test_a_plan_lists_nothing(orphaned: Suite) -> None:
    orphaned.run("--mlregress-plan", "--mlregress-prune")
    assert notes(orphaned) == []
    assert len(files_of(orphaned)) == 2


def test_the_baseline_of_another_tier_is_in_use(recorded: Suite) -> None:
    recorded.write(TWO_TIERS)
    recorded.record("--mlregress-tier=full")
    recorded.run("--mlregress-prune")
    assert files_of(recorded).keys() == {FILE, FILE.replace("default", "full")}


@pytest.mark.parametrize("harm", ["{", '{"schema": 99}', ""], ids=["cut", "newer", "empty"])
def test_a_file_that_cannot_be_read_is_kept(recorded: Suite, harm: str) -> None:
    recorded.write(TWO_TIERS)
    recorded.record("--mlregress-tier=full")
    full = recorded.path / FILE.replace("default", "full")
    full.write_text(harm)
    assert recorded.run("--mlregress-prune").ret == 0
    assert full.read_text() == harm
    assert notes(recorded) == []


def test_a_git_ref_cannot_be_pruned(orphaned: Suite) -> None:
    before = files_of(orphaned)
    result = orphaned.run("--mlregress-prune", "--mlregress-baseline=git:HEAD")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            f"ERROR: git:HEAD:{OTHER_FILE}: a git ref cannot be written to. Write to a folder: "
            "leave out --mlregress-baseline, or name one"
        ]
    )
    assert files_of(orphaned) == before


def test_a_file_that_cannot_be_deleted_fails_the_run(
    orphaned: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(orphaned)
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".json":
            raise PermissionError(errno.EACCES, "Permission denied")
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        result = orphaned.run("--mlregress-prune")
    assert files_of(orphaned) == before
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            f"ERROR: {orphaned.path / OTHER_FILE}: cannot delete this baseline: Permission "
            "denied; what was there before is untouched. Make it accessible to you, or keep "
            "baselines elsewhere: --mlregress-baseline"
        ]
    )


def test_an_old_baseline_of_a_renamed_test_is_notes(recorded: Suite) -> None:
    recorded.write(TRAINING.replace("test_training", "test_renamed"))
    doctor(recorded, lambda content: content["provenance"].update(branch="elsewhere"))
    recorded.run()
    assert recorded.verdicts == {"test_training.py::test_renamed": "no-baseline"}
    assert notes(recorded) == [NOTE.format(recorded.path / FILE)]
