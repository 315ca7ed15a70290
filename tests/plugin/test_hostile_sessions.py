"""What surrounds a run and goes wrong: folders that vanish, a foreign cache, dry runs."""

from __future__ import annotations

import json

import pytest
from baseline_files import files_of
from training_suite import TRAINING, Suite

FLAGS_REMOVED = TRAINING.replace(
    "    def test_training(mlregress):",
    """    def test_training(mlregress, request):
        import shutil

        from pytest_mlregress.running.stop_flags import stop_flags

        shutil.rmtree(stop_flags(request.config).folder, ignore_errors=True)""",
)
EXITS = TRAINING.replace(
    "    @pytest.mark.seeds(5)",
    """    @pytest.fixture
    def leaves():
        yield
        raise SystemExit(3)


    @pytest.mark.seeds(5)""",
).replace("test_training(mlregress)", "test_training(mlregress, leaves)")


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_stop_flag_folder_that_vanishes_changes_no_verdict(recorded: Suite, workers: str) -> None:
    recorded.write(FLAGS_REMOVED)
    result = recorded.run(workers)
    assert result.ret == 0
    assert set(recorded.verdicts.values()) <= {"pass", "identical"}
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


@pytest.mark.parametrize("foreign", [[1], {"x": 1}, {"test_training.py::test_training": []}])
def test_a_foreign_cache_changes_nothing(recorded: Suite, foreign: object) -> None:
    file = recorded.path / ".pytest_cache" / "v" / "mlregress" / "recent"
    file.parent.mkdir(parents=True, exist_ok=True)
    key = "test_training.py::test_training default accuracy"
    content = {key: foreign} if isinstance(foreign, list) else foreign
    file.write_text(json.dumps(content), encoding="utf-8")
    result = recorded.run("-n0")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_fixture_that_exits_in_its_tear_down_fails_its_seed(
    recorded: Suite, workers: str
) -> None:
    recorded.write(EXITS)
    result = recorded.run(workers, apart=True)
    assert result.ret == 1
    assert set(recorded.verdicts.values()) == {"diverged"}
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


@pytest.mark.parametrize("option", ["--setup-plan", "--setup-only"])
def test_a_run_of_fixtures_alone_has_no_verdict(recorded: Suite, option: str) -> None:
    result = recorded.run("-n0", option)
    assert result.ret == 0
    assert recorded.tests == {}


def test_showing_the_fixtures_changes_nothing(recorded: Suite) -> None:
    assert recorded.run("-n0", "--setup-show").ret == 0
    assert list(recorded.verdicts) == ["test_training.py::test_training"]


def test_a_file_that_is_hidden_keeps_its_baselines(recorded: Suite) -> None:
    recorded.write(TRAINING, "test_other.py")
    recorded.record("test_other.py")
    (recorded.path / "conftest.py").write_text('collect_ignore = ["test_other.py"]\n')
    recorded.commit()
    before = files_of(recorded)
    assert recorded.run("-n0", "--mlregress-prune").ret == 0
    assert files_of(recorded) == before


def test_a_suite_that_lost_its_last_regression_test_names_the_baseline(recorded: Suite) -> None:
    (recorded.path / "test_training.py").unlink()
    recorded.write("def test_plain(): pass", "test_plain.py")
    result = recorded.run("-n0", "-m", "mlregress")
    assert result.ret == 5
    result.stdout.fnmatch_lines(
        ["mlregress: unused baseline *test_training.default.json: its test is gone; *"]
    )
    assert recorded.run("-n0", "--mlregress-prune").ret == 0
    assert files_of(recorded) == {}
