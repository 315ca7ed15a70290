"""The commands about baselines look where pytest does: `mlregress_baseline` of the ini file."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_mlregress.baselines.artifact import MetricBaseline, Provenance
from pytest_mlregress.baselines.folder_store import FolderStore
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.baselines.paths import BaselineKey, artifact_path
from pytest_mlregress.cli import main
from pytest_mlregress.doctor.configuration import find_rootdir

TEST = "test_digits.py::test_fit"
FILE = "kept/tests/test_digits/test_fit.default.json"
INI = {
    "pytest.ini": "[pytest]\nmlregress_baseline = kept\n",
    "pyproject.toml": "[tool.pytest.ini_options]\nmlregress_baseline = 'kept'\n",
    "tox.ini": "[pytest]\nmlregress_baseline = kept\n",
    "setup.cfg": "[tool:pytest]\nmlregress_baseline = kept\n",
}


def write(folder: Path, mean: float = 0.9, name: str = "kept") -> None:
    values = {seed: mean + (seed % 5) / 1000 for seed in range(20)}
    artifact = first_artifact(
        TEST,
        "default",
        {"accuracy": MetricBaseline(higher_is_better=True, values=values, margin=0.01)},
        Provenance(plugin="0.1.0", time="2026-01-02T03:04:05Z", seeds=tuple(values)),
    )
    key = BaselineKey(Path("tests"), artifact_path(TEST, "default"))
    FolderStore(folder / name, beside_tests=False).write(key, artifact)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    write(tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_digits.py").write_text("def test_fit(mlregress): pass\n")
    (tmp_path / "pytest.ini").write_text(INI["pytest.ini"])
    return tmp_path


def run(*arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.output.splitlines()


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("name", INI)
def test_list_and_show_read_where_the_ini_file_says(suite: Path, name: str) -> None:
    (suite / "pytest.ini").unlink()
    (suite / name).write_text(INI[name])
    assert run("list") == (
        0,
        [
            "tests/test_digits.py::test_fit (default): accuracy; 20 seeds, commit none, "
            "2026-01-02T03:04:05Z",
            f"  {suite}/{FILE}",
        ],
    )
    code, lines = run("show", "test_fit")
    assert code == 0
    assert any(line.endswith(f"{suite}/{FILE}") for line in lines)


def test_plan_reads_where_the_ini_file_says(suite: Path) -> None:
    code, lines = run("plan", "--seeds", "5")
    assert code == 0
    assert lines[2].split()[:3] == ["accuracy", "5", "0.01"]


def test_prune_deletes_where_the_ini_file_says(suite: Path) -> None:
    (suite / "tests/test_digits.py").unlink()
    code, lines = run("prune", "--dry-run")
    assert (code, lines[0]) == (0, f"unused: {suite}/{FILE}")
    assert (suite / FILE).exists()
    code, lines = run("prune")
    assert (code, lines[-1]) == (0, "deleted 1 baseline")
    assert not (suite / FILE).exists()


def test_prune_names_the_ini_file_where_that_is_read_only(suite: Path) -> None:
    git(suite, "init", "-q")
    git(suite, "commit", "-q", "--allow-empty", "-m", "one")
    (suite / "pytest.ini").write_text("[pytest]\nmlregress_baseline = git:HEAD\n")
    assert run("prune") == (
        2,
        [
            "Error: --baseline=git:HEAD, which the ini file names, is read only; name a folder or "
            "an fsspec URL"
        ],
    )
    assert run("list") == (
        1,
        ["Error: no baselines in git:HEAD; the ini file names it; for another place: --baseline"],
    )


def test_diff_reads_the_folder_of_the_ini_file_on_both_sides(suite: Path) -> None:
    git(suite, "init", "-q")
    git(suite, "add", "-A")
    git(suite, "commit", "-q", "-m", "one")
    write(suite, 0.8)
    result = CliRunner().invoke(main, ["diff", "test_fit", "--json"])
    (row,) = json.loads(result.stdout)
    assert (row["before"], row["now"]) == pytest.approx((0.902, 0.802))


def test_an_option_outranks_the_ini_file(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("other", "third", "fourth"):
        write(suite, name=name)
    other = FILE.replace("kept", "other", 1)
    assert run("list", "--baseline", "other")[1][1] == f"  {suite}/{other}"
    (suite / "pytest.ini").write_text(
        f"{INI['pytest.ini']}addopts = -q --mlregress-baseline third\n"
    )
    assert run("list")[1][1] == f"  {suite}/{FILE.replace('kept', 'third', 1)}"
    monkeypatch.setenv("PYTEST_ADDOPTS", "--mlregress-baseline=fourth")
    assert run("list")[1][1] == f"  {suite}/{FILE.replace('kept', 'fourth', 1)}"


def test_a_place_that_is_none_is_named(suite: Path) -> None:
    (suite / "pytest.ini").write_text("[pytest]\nmlregress_baseline = git:\n")
    code, lines = run("list")
    assert code == 2
    assert lines == [
        "Error: ini mlregress_baseline: 'git:' names no branch, tag or commit; give one, such as "
        "git:main"
    ]


def test_commands_in_a_sub_folder_are_about_the_suite_of_pytests_rootdir(
    suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(suite / "tests")
    assert run("list") == (
        0,
        [
            "tests/test_digits.py::test_fit (default): accuracy; 20 seeds, commit none, "
            "2026-01-02T03:04:05Z",
            f"  {suite}/{FILE}",
        ],
    )
    for name in ("test_digits.py::test_fit", "../tests/test_digits.py", "test_fit"):
        code, lines = run("show", name)
        assert code == 0
        assert lines[0] == "tests/test_digits.py::test_fit (default)"
    assert run("history") == (
        1,
        [
            f"Error: no runs in {suite}/.mlregress/history.sqlite yet; each check adds one: pytest "
            "-m mlregress"
        ],
    )
    assert run("plan", "--seeds", "5")[0] == 0


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"a/tox.ini": "[pytest]\n"},
        {"a/tox.ini": "[testenv]\n"},
        {"setup.cfg": "[tool:pytest]\n", "a/setup.py": "", "a/pyproject.toml": "[project]\n"},
        {"setup.py": "", "a/pyproject.toml": "[project]\n"},
        {"a/setup.py": ""},
        {"pytest.ini": "", "a/b/setup.py": ""},
    ],
)
def test_the_rootdir_is_that_of_pytest(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]
) -> None:
    folder = pytester.mkdir("a") / "b"
    folder.mkdir()
    for name, text in files.items():
        (pytester.path / name).write_text(text)
    monkeypatch.chdir(folder)
    assert find_rootdir(folder) == pytester.parseconfig().rootpath
