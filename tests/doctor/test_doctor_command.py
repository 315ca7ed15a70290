"""``mlregress doctor`` as a user types it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from doctor_projects import PROJECTS, commit, write

from pytest_mlregress.cli import main
from pytest_mlregress.doctor.examine import load_checks
from pytest_mlregress.doctor.registry import questions


def doctor(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["doctor", *map(str, arguments)], terminal_width=80)


def findings(result: Result) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for finding in json.loads(result.stdout)["findings"]:
        found.setdefault(finding["check"], []).append(finding)
    return found


TRAININGS = {
    "pytest.ini": "[pytest]\naddopts = -p no:randomly -p no:cacheprovider\n",
    "training.py": """
        import os
        import random


        def always_zero():
            random.seed(0)
            return random.random()


        def of_the_system(log):
            log(0, loss=0.5)
            log(1, loss=int.from_bytes(os.urandom(4), "little") / 2**32)
            return 0.25


        def with_baggage(seed, kept=[]):
            kept.append(seed)  # what an earlier training leaves behind
            return seed + len(kept)
    """,
    "test_training.py": """
        import pytest

        import training


        @pytest.mark.seeds(3)
        def test_zero(mlregress):
            mlregress.record("score", training.always_zero(), higher_is_better=True)


        @pytest.mark.seeds(3)
        def test_system(mlregress):
            value = training.of_the_system(mlregress.log)
            mlregress.record("score", value, higher_is_better=True)


        @pytest.mark.seeds(3)
        def test_baggage(mlregress):
            mlregress.record("score", training.with_baggage(mlregress.seed), higher_is_better=True)


        def test_plain():
            raise AssertionError("never run")
    """,
}


@pytest.mark.slow
def test_one_seed_twice_and_another_one(tmp_path: Path) -> None:
    folder = write(tmp_path, TRAININGS)
    result = doctor(folder, "--json", "-n", 2)
    found = findings(result)
    assert result.exit_code == 1
    name = "test_training.py::test_"
    twice = [(f["level"], f["evidence"]) for f in found["same-seed-twice"]]
    assert twice[0] == ("ok", f"{name}zero: seed 0 gave equal bits twice (1 metric)")
    assert twice[1][0] == "problem"
    assert re.fullmatch(
        rf"{name}system: seed 0 gave loss 0\.\d+ and 0\.\d+ at step 1 in two runs of the same code",
        twice[1][1],
    )
    assert twice[2] == ("ok", f"{name}baggage: seed 0 gave equal bits twice (1 metric)")
    equal = [(f["level"], f["evidence"]) for f in found["seeds-equal"]]
    assert equal[0] == (
        "problem",
        f"{name}zero: seeds 0 and 1 gave the same bits (score 0.844422)",
    )
    assert equal[1][0] == "ok"
    assert equal[1][1].startswith(f"{name}system: seeds 0 and 1 differ: loss 0.")
    assert equal[2][0] == "ok"
    assert equal[2][1].startswith(f"{name}baggage: seeds 0 and 1 differ: score 1.0 and ")
    assert [f["level"] for f in found["memory-peak"]] == ["ok"] * 3
    assert re.search(r"one seed took [\d.]+ MB at its peak", found["memory-peak"][0]["evidence"])
    assert [(f["level"], f["location"]) for f in found["seed-fixed"]] == [
        ("problem", "training.py:6")
    ]


@pytest.mark.slow
def test_a_suite_that_cannot_be_collected_is_a_line(tmp_path: Path) -> None:
    folder = write(tmp_path, TRAININGS)
    (folder / "test_other.py").write_text("import nothing_like_it\ndef test_a(mlregress): pass\n")
    result = doctor(folder, "--json")
    assert result.exit_code == 1
    found = findings(result)
    for check, expected in (
        ("same-seed-twice", "problem"), ("seeds-equal", "skipped"), ("memory-peak", "skipped"),
    ):  # fmt: skip
        ((level, evidence),) = [(f["level"], f["evidence"]) for f in found[check]]
        assert level == expected
        assert "No module named 'nothing_like_it'" in evidence
        assert " E " not in evidence


def test_a_test_file_that_is_no_python_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, {"pytest.ini": "[pytest]\n", "test_broken.py": "def test_x(mlregress:\n"})
    result = doctor(tmp_path, "--json")
    assert result.exit_code == 1
    ((level, evidence),) = [
        (f["level"], f["evidence"]) for f in findings(result)["same-seed-twice"]
    ]
    assert level == "problem"
    assert "SyntaxError" in evidence


def test_files_that_pytest_skips_are_a_warning(tmp_path: Path) -> None:
    text = "import pytest\npytest.importorskip('nothing_like_it')\ndef test_x(mlregress): pass\n"
    write(tmp_path, {"pytest.ini": "[pytest]\n", "test_a.py": text})
    found = findings(doctor(tmp_path, "--json"))
    assert [f["level"] for f in found["same-seed-twice"]] == ["warning"]
    evidence = found["same-seed-twice"][0]["evidence"]
    assert evidence.startswith("pytest collects none of the regression tests here (1): ")


def test_a_broken_pyproject_beside_the_file_in_force_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, {**PROJECTS["vision"], "pyproject.toml": "[project\n"})
    found = findings(doctor(tmp_path, "--no-training", "--json"))["gate-settings"]
    assert [f["level"] for f in found] == ["problem"]
    assert found[0]["evidence"].startswith("pyproject.toml cannot be parsed: ")


def test_the_report_is_80_columns_wide_with_problems_first(tmp_path: Path) -> None:
    folder = write(tmp_path, {**PROJECTS["tabular"], "setup.cfg": "[tool:pytest]\n"})
    commit(folder)
    result = doctor(folder, "--no-training")
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert max(map(len, lines)) <= 80
    assert lines[lines.index("") + 1 : lines.index("") + 6] == [
        "Baselines, metrics and gates",
        "  problem  baseline-present test_churn.py:7",
        "           test_churn.py::test_churn has no baseline: nothing is compared",
        "           -> pytest 'test_churn.py::test_churn' --mlregress-update, then",
        "              commit __baselines__",
    ]
    assert re.fullmatch(r"1 problem, 1 warning, \d+ ok, \d+ skipped", lines[-1])
    assert doctor(folder, "--no-training", "--ignore", "baseline-present").exit_code == 0
    strict = ("--no-training", "--ignore", "baseline-present", "--strict")
    assert doctor(folder, *strict).exit_code == 1
    assert doctor(folder, *strict, "--ignore", "settings-written").exit_code == 0
    assert "baseline-present" not in doctor(folder, *strict).stdout


def test_json_has_all_fields(tmp_path: Path) -> None:
    folder = write(tmp_path, PROJECTS["vision"])
    result = doctor(folder, "--no-training", "--json")
    document = json.loads(result.stdout)
    assert set(document) == {"findings", "fix", "folder", "levels", "tests"}
    assert document["tests"] == ["tests/test_tinynet.py::test_tinynet"]
    assert sum(document["levels"].values()) == len(document["findings"])
    for finding in document["findings"]:
        assert set(finding) == {"check", "evidence", "level", "location", "remedy"}
        assert finding["evidence"]
        assert finding["remedy"] or finding["level"] in ("ok", "skipped")
    assert {finding["check"] for finding in document["findings"]} == {
        question.name for question in questions()
    }


def test_a_location_exists(tmp_path: Path) -> None:
    folder = write(tmp_path, {**PROJECTS["language"], "README.md": "# Nothing\n"})
    result = doctor(folder, "--no-training", "--json")
    places = [f["location"] for f in json.loads(result.stdout)["findings"] if f["location"]]
    assert places
    for place in places:
        file, _, line = place.partition(":")
        lines = (folder / file).read_text().splitlines()
        assert not line or 1 <= int(line) <= len(lines)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"main.py": "print(1)\n"},
        {"test_broken.py": "def test_x(mlregress:\n"},
        {"pyproject.toml": "[project\n", "uv.lock": "[[", "setup.py": "def", "setup.cfg": "x"},
        {"README.md": "\x00\xff# \ud7ff", "requirements.txt": "===\n-r missing.txt\n\x00\n"},
        {"setup.py": "setup(install_requires=3)", "uv.lock": "package = 3", "Pipfile.lock": "[]"},
        {"setup.py": "setup(install_requires='a\\nb')", "setup.cfg": "[options]\nx\n"},
        {"pyproject.toml": "project = 3\ntool = []\ndependency-groups = [1]\n", "Pipfile": "a=1"},
        {
            "pyproject.toml": "[project]\ndependencies = 'x'\n[project.optional-dependencies]\n"
            "a = 3\n[tool.poetry.dependencies]\nb = [1]\nc = {version = 2}\n[tool.poetry.group]\n"
            "d = 4\n[tool.pytest.ini_options]\naddopts = 5\npython_files = [6]\ntestpaths = {}\n"
        },
        {"poetry.lock": "[[package]]\nversion = 1\n", "conda-lock.yml": "name: x\nversion: 1\n"},
        {"pytest.ini": "[pytest]\npythonpath = /nowhere ..\ntestpaths = /\npython_files = [\n"},
        {"environment.yml": ": : -", ".github/workflows/a.yml": "\t- run: [pytest\n"},
        {"__baselines__/test_a/x.default.json": "[]", "test_a.py": "x = 1\n"},
    ],
)
def test_whatever_is_there_is_a_line_and_no_traceback(
    files: dict[str, str], tmp_path: Path
) -> None:
    write(tmp_path, files)
    result = doctor(tmp_path)
    assert result.exit_code in (0, 1), result.output
    assert isinstance(result.exception, SystemExit | type(None))
    assert "Traceback" not in result.output
    assert "skipped  uncommitted-changes: not in a git repository" in result.output
    assert re.search(r"^\d+ problems?, \d+ warnings?, \d+ ok, \d+ skipped$", result.output, re.M)


def test_without_git_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path, PROJECTS["vision"])
    commit(folder)
    monkeypatch.setenv("PATH", "")
    output = doctor(folder, "--no-training").output
    assert "skipped  uncommitted-changes: git cannot tell: git cannot be run" in output


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nowhere"], "Error: Invalid value for '[PATH]': Directory 'nowhere' does not exist."),
        ([".", "more"], "Error: unexpected argument more; one folder is examined, and pytest's"),
        (["--older-than", "-1"], "Error: Invalid value for '--older-than': -1 is not in"),
        (["--ignore", "seed-fix"], "Error: --ignore: there is no check 'seed-fix'; did you mean"),
        (["--test", "test_x.py::test_y"],
         "Error: --test: there is no regression test test_x.py::test_y; there is none in this"),
        (["--baseline", "git:nowhere"], "Error: --baseline=git:nowhere: "),
        (["--fix"], "Error: --fix: no file configures pytest, and --fix writes no new one; make"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(
    arguments: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = doctor(*arguments)
    assert result.exit_code == 2
    assert line in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_test_that_is_not_there_has_close_matches(tmp_path: Path) -> None:
    folder = write(tmp_path, TRAININGS)
    result = doctor(folder, "--test", "test_training.py::test_bagage")
    assert result.exit_code == 2
    assert "there are: test_training.py::test_baggage" in result.output
    found = doctor(folder, "--no-training", "--json", "--test", "test_training.py::test_zero")
    assert json.loads(found.stdout)["tests"] == ["test_training.py::test_zero"]


def test_fix_prints_its_diff_and_then_finds_nothing_to_write(tmp_path: Path) -> None:
    folder = write(tmp_path, {**PROJECTS["vision"], "pytest.ini": "[pytest]\n"})
    commit(folder)
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and ".git" not in p.parts}
    result = doctor(folder, "--no-training", "--fix")
    assert result.stdout.startswith(
        "wrote pytest.ini:\n--- a/pytest.ini\n+++ b/pytest.ini\n@@ -1 +1,6 @@\n [pytest]\n"
        "+mlregress_alpha = 0.05\n"
    )
    assert re.search(r"ok\s+settings-written: mlregress_alpha", result.stdout)
    after = {p: p.read_bytes() for p in before}
    assert [p.name for p in before if before[p] != after[p]] == ["pytest.ini"]
    again = doctor(folder, "--no-training", "--fix", "--json")
    assert json.loads(again.stdout)["fix"] == {"file": None, "diff": ""}


def test_a_folder_within_a_repository_finds_what_lies_above(tmp_path: Path) -> None:
    files = {f"projects/vision/{name}": text for name, text in PROJECTS["vision"].items()}
    readme = files.pop("projects/vision/README.md")
    folder = write(tmp_path, {**files, "README.md": readme}) / "projects" / "vision"
    commit(tmp_path)
    found = findings(doctor(folder, "--no-training", "--json"))
    assert found["readme-train"][0]["location"] == "../../README.md:9"
    assert found["untracked-code"][0]["level"] == "ok"


@pytest.mark.slow
def test_this_project_has_no_problem() -> None:
    root = Path(__file__).parents[2]
    for example in ("digits_cnn", "char_lm", "sklearn_model"):
        found = findings(doctor(root / "examples" / example, "--no-training", "--json"))
        wrong = {name: [f for f in all_ if f["level"] == "problem"] for name, all_ in found.items()}
        wrong.pop("untracked-code")  # in a source archive git tracks nothing
        assert not any(wrong.values()), wrong


def test_help_imports_nothing_heavy() -> None:
    import subprocess

    program = (
        "import sys; from click.testing import CliRunner; from pytest_mlregress.cli import main; "
        "result = CliRunner().invoke(main, ['doctor', '--help']); assert result.exit_code == 0; "
        "print([m for m in ('numpy', 'scipy', 'torch', 'rich', 'pytest') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_the_page_lists_every_check() -> None:
    load_checks()
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
    page = page.split("<!-- checks")[1].split("<!-- end")[0]
    rows = dict(re.findall(r"^\| [^|]+ \| `([a-z-]+)`[^|]*\| (.*) \|$", page, re.MULTILINE))
    assert rows == {question.name: question.text for question in questions()}
