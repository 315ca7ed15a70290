"""`mlregress init` in repositories of all kinds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_mlregress.cli import main

TEST = "tests/test_regression_of_training.py"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("PYTEST_", "GIT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A. Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def init(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, ["init", *arguments])
    assert result.exit_code == status, result.output
    return result


def git(project: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(project), *arguments], check=True, capture_output=True)


def write(project: Path, **files: str) -> None:
    for name, text in files.items():
        path = project / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }


def test_an_empty_folder_outside_git(project: Path) -> None:
    assert init().output.splitlines() == [
        "wrote       pytest.ini: the settings, which are the defaults",
        f"wrote       {TEST}: a first regression test",
        "no CI file: nothing here says which service; --ci={github,gitlab,jenkins,buildkite}",
        "next:",
        "  pytest -m mlregress --mlregress-update",
        "  pytest -m mlregress",
    ]
    assert sorted(contents(project)) == ["pytest.ini", TEST]


def test_a_repository_at_github(project: Path) -> None:
    git(project, "init", "--quiet", "--initial-branch=main")
    git(project, "remote", "add", "origin", "git@github.com:me/project.git")
    write(project, notes_dot_txt="mine")
    assert init().output.splitlines() == [
        "wrote       pytest.ini: the settings, which are the defaults",
        f"wrote       {TEST}: a first regression test",
        "wrote       .github/workflows/mlregress.yml: the checks of pull requests, nightly and "
        "update",
        "wrote       .github/workflows/mlregress-comment.yml: the comment on a pull request",
        "next, commit first (also 1 other file, which git status lists): an update refuses "
        "uncommitted changes:",
        f"  git add pytest.ini {TEST} .github/workflows/mlregress.yml "
        ".github/workflows/mlregress-comment.yml",
        '  git commit -m "Test for regressions of training"',
        "  pytest -m mlregress --mlregress-update",
        "  git add --all -- ':(glob)**/__baselines__/**' && git commit -m \"Record baselines\"",
        "  pytest -m mlregress",
    ]
    workflow = (project / ".github/workflows/mlregress.yml").read_text(encoding="utf-8")
    assert "pip install pytest-mlregress\n" in workflow


def test_a_second_run_changes_nothing(project: Path) -> None:
    git(project, "init", "--quiet")
    init("--ci=gitlab")
    before = contents(project)
    assert init("--ci=gitlab").output.splitlines()[:3] == [
        "kept        pytest.ini: has settings of mlregress already",
        f"kept        {TEST}: is a regression test already",
        "kept        .gitlab-ci.yml: is there already, and stays as it is",
    ]
    assert contents(project) == before


def test_a_second_run_says_again_what_is_to_be_committed(project: Path) -> None:
    git(project, "init", "--quiet")
    write(project, notes_dot_txt="mine")
    first = init("--ci=none").output.splitlines()
    second = init("--ci=none").output.splitlines()
    assert second[2:] == first[2:]
    assert second[2].startswith("next, commit first (also 1 other file, which git status lists)")
    assert second[3] == f"  git add pytest.ini {TEST}"
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=all")
    assert init("--ci=none").output.splitlines()[2:4] == [
        "next:",
        "  pytest -m mlregress --mlregress-update",
    ]


def test_a_second_run_says_how_other_changes_are_committed(project: Path) -> None:
    git(project, "init", "--quiet")
    init("--ci=none")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=all")
    write(project, notes_dot_txt="mine")
    assert init("--ci=none").output.splitlines()[2:6] == [
        "next, commit first (1 file, which git status lists): an update refuses uncommitted "
        "changes:",
        "  git add notes.txt",
        "  git commit",
        "  pytest -m mlregress --mlregress-update",
    ]


def test_where_one_file_cannot_be_written_none_is(project: Path) -> None:
    (project / ".github").write_text("a file\n")
    said = init("--ci=github", status=2).output
    assert said == (
        f"Error: cannot write {project}/.github/workflows/mlregress.yml: {project}/.github is no "
        "writable folder; make it one, then run mlregress init again\n"
    )
    assert contents(project) == {".github": b"a file\n"}


def test_a_write_protected_file_is_not_edited_and_others_keep_their_mode(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ini = project / "pytest.ini"
    ini.write_text("[pytest]\n")
    ini.chmod(0o640)
    with monkeypatch.context() as patched:  # the tests may be run by root
        patched.setattr(os, "access", lambda path, _: Path(path) != ini)
        assert init("--ci=none", status=2).output == (
            f"Error: cannot write {ini}: it is write-protected; make it writable, then run "
            "mlregress init again\n"
        )
    assert sorted(contents(project)) == ["pytest.ini"]
    init("--ci=none")
    assert ini.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("files", "installs"),
    [
        ({"setup.cfg": "[flake8]\n"}, "pytest-mlregress"),
        ({"pyproject.toml": "[tool.ruff]\n"}, "pytest-mlregress"),
        ({"pyproject.toml": "[tool.ruff]\n", "setup.cfg": "[metadata]\n"},
         "-e . pytest-mlregress"),
        ({"setup.py": ""}, "-e . pytest-mlregress"),
        ({"requirements.txt": ""}, "-r requirements.txt pytest-mlregress"),
    ],
)  # fmt: skip
def test_the_ci_file_installs_what_pip_can_and_names_the_branch(
    project: Path, files: dict[str, str], installs: str
) -> None:
    git(project, "init", "--quiet", "--initial-branch=trunk")
    for name, text in files.items():
        (project / name).write_text(text)
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=start")
    init("--ci=jenkins")
    for name in ("Jenkinsfile", "Jenkinsfile.mlregress-publish"):
        assert "'trunk'" in (project / name).read_text(encoding="utf-8")
    assert f"pip install {installs}\n" in (project / "Jenkinsfile").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("patterns", "name"),
    [
        ("check_*.py", "check_regression_of_training.py"),
        ("*_tests.py test_*.py", "test_regression_of_training.py"),
    ],
)
def test_the_first_test_has_a_name_that_pytest_collects(
    project: Path, patterns: str, name: str
) -> None:
    (project / "pytest.ini").write_text(
        f"[pytest]\ntestpaths = 'my checks'\npython_files = {patterns}\n"
    )
    init("--ci=none")
    assert (project / "my checks" / name).is_file()
    assert f"kept        my checks/{name}: is a regression test already" in init().output


def test_a_dry_run_writes_nothing(project: Path) -> None:
    output = init("--dry-run", "--ci=jenkins").output
    assert "would write Jenkinsfile: the checks of pull requests, nightly and update" in output
    assert contents(project) == {}


def test_json(project: Path) -> None:
    said = json.loads(init("--json", "--dry-run", "--ci=none").output)
    assert [(file["path"], file["action"]) for file in said["files"]] == [
        ("pytest.ini", "write"),
        (TEST, "write"),
    ]
    assert said["next"] == ["pytest -m mlregress --mlregress-update", "pytest -m mlregress"]


PYPROJECT = """\
# The project.
[project]
name = "thing"  # a name

[tool.pytest.ini_options]  # for pytest
addopts = [
    "-ra",  # all
]
testpaths = ["checks"]

[tool.ruff]
line-length = 100
"""


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_pyproject_keeps_every_line_and_comment(project: Path, ending: str) -> None:
    before = PYPROJECT.replace("\n", ending).encode()
    (project / "pyproject.toml").write_bytes(before)
    init("--ci=none")
    after = (project / "pyproject.toml").read_bytes()
    lines = after.split(ending.encode())
    added = [line for line in lines if line not in before.split(ending.encode())]
    assert [line for line in added if not line.startswith(b"#")] == [
        b'mlregress_seeds = "5"',
        b'mlregress_alpha = "0.05"',
        b'mlregress_env_mismatch = "warn"',
    ]
    assert [line for line in lines if line not in added] == before.split(ending.encode())
    tool = tomllib.loads(after.decode())["tool"]
    assert tool["pytest"]["ini_options"]["addopts"] == ["-ra"]
    assert (project / "checks" / Path(TEST).name).exists()


@pytest.mark.parametrize(
    ("name", "text", "section"),
    [
        ("pyproject.toml", '[project]\nname = "x"', "[tool.pytest.ini_options]"),
        ("setup.cfg", "[metadata]\nname = x\n[tool:pytest]\naddopts = -ra\n", "[tool:pytest]"),
        ("tox.ini", "[tox]\n[pytest]\n# mine\naddopts = -ra\n[flake8]\nx = 1\n", "[pytest]"),
        ("pytest.ini", "", "[pytest]"),
    ],
)
def test_the_file_that_pytest_reads_is_edited(
    project: Path, name: str, text: str, section: str
) -> None:
    (project / name).write_text(text, encoding="utf-8")
    output = init("--ci=none").output
    assert output.splitlines()[0] == f"edited      {name}: the settings, in {section}"
    lines = (project / name).read_text(encoding="utf-8").splitlines()
    assert set(text.splitlines()) <= set(lines)
    done = run_pytest(project, "--collect-only", "-q", "-c", name)
    assert "test_regression_of_training.py" in done.stdout


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pyproject.toml", "[tool", "Error: pyproject.toml cannot be read: "),
        ("pytest.ini", "no section\n", "Error: pytest.ini cannot be read: "),
        (
            "pyproject.toml",
            'tool.pytest.ini_options = {addopts = "-ra"}\n',
            "Error: pyproject.toml is laid out in a way that mlregress init does not edit: add "
            "these lines to its section tool.pytest.ini_options by hand",
        ),
    ],
)
def test_a_file_that_cannot_be_edited_is_named_and_nothing_is_written(
    project: Path, name: str, text: str, said: str
) -> None:
    (project / name).write_text(text, encoding="utf-8")
    assert init(status=2).output.startswith(said)
    assert contents(project) == {name: text.encode()}


def test_files_of_the_user_stay_and_the_ci_file_goes_beside_them(project: Path) -> None:
    git(project, "init", "--quiet")
    write(project, **{"_dot_gitlab-ci_dot_yml": "mine: {script: [true]}\n"})
    write(project, **{TEST: "def test_mine(): pass\n"})
    output = init().output
    assert f"kept        {TEST}: is there already, and stays as it is" in output
    assert (
        "wrote       .gitlab/mlregress.yml: the checks of pull requests, nightly and update; "
        "include it: `include: [{local: .gitlab/mlregress.yml}]`" in output
    )
    assert (project / ".gitlab-ci.yml").read_text() == "mine: {script: [true]}\n"
    assert (project / TEST).read_text() == "def test_mine(): pass\n"


def test_a_folder_inside_a_repository_gets_no_ci_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(project, "init", "--quiet")
    (project / "ml").mkdir()
    monkeypatch.chdir(project / "ml")
    assert (
        f"no CI file: it belongs into {project}; run `mlregress init` there, and give this folder "
        "to pytest in it: pytest ml -m mlregress" in init().output
    )


def test_a_package_under_src_is_named(project: Path) -> None:
    write(project, src__thing__train_dot_py="import sklearn\n")
    (project / "src/thing/__init__.py").write_text("")
    init()
    text = (project / TEST).read_text(encoding="utf-8")
    assert "by a call of yours in `thing`.\n" in text
    assert "from sklearn.linear_model import LogisticRegression" in text


def run_pytest(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "-p pytest_mlregress.plugin -p xdist",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=project,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("library", ["none", pytest.param("sklearn"), pytest.param("torch")])
@pytest.mark.slow
def test_the_first_test_can_be_recorded_and_then_passes(project: Path, library: str) -> None:
    if library != "none":
        pytest.importorskip(library)
    git(project, "init", "--quiet")
    write(project, train_dot_py="" if library == "none" else f"import {library}\n")
    init("--ci=none")
    refused = run_pytest(project, "-m", "mlregress", "--mlregress-update")
    assert refused.returncode != 0  # commit first
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=Test for regressions of training")
    recorded = run_pytest(project, "-m", "mlregress", "--mlregress-update")
    assert recorded.returncode == 0, recorded.stdout
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message=Record baselines")
    check = run_pytest(project, "-m", "mlregress")
    assert check.returncode == 0, check.stdout
    assert "1 identical" in check.stdout


def test_in_a_sub_folder_the_project_of_pytest_is_set_up(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, pytest_dot_ini="[pytest]\n")
    (project / "src/deep").mkdir(parents=True)
    monkeypatch.chdir(project / "src/deep")
    assert init().output.splitlines() == [
        "edited      pytest.ini: the settings, in [pytest]",
        f"wrote       {TEST}: a first regression test",
        "no CI file: nothing here says which service; --ci={github,gitlab,jenkins,buildkite}",
        "next:",
        "  cd ../..",
        "  pytest -m mlregress --mlregress-update",
        "  pytest -m mlregress",
    ]
    assert sorted(contents(project)) == ["pytest.ini", TEST]
