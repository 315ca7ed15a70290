"""``mlregress doctor --fix``: settings in a configuration file, and nothing else."""

from __future__ import annotations

import configparser
import tomllib
from pathlib import Path

import pytest
from doctor_projects import PYTEST_SETTINGS, commit, git, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_mlregress.doctor.fix import CannotFixError, apply_fix, plan_fix
from pytest_mlregress.doctor.ini_keys import KEYS
from pytest_mlregress.doctor.project import Project


def fix(folder: Path) -> str:
    found = plan_fix(Project(folder, folder))
    apply_fix(found)
    return found.diff


ADDED = "".join(f"+{line}\n" for line in PYTEST_SETTINGS.splitlines())


def test_it_writes_below_the_header_and_keeps_comments(tmp_path: Path) -> None:
    text = (
        "# ours\n[pytest]  ; of the team\naddopts =\n    -ra\n    # slow\n    -q\n\n[other]\nx=1\n"
    )
    (tmp_path / "pytest.ini").write_text(text)
    assert fix(tmp_path) == (
        "--- a/pytest.ini\n+++ b/pytest.ini\n@@ -1,5 +1,10 @@\n # ours\n [pytest]  ; of the team\n"
        f"{ADDED} addopts =\n     -ra\n     # slow\n"
    )
    assert (tmp_path / "pytest.ini").read_text() == text.replace(
        "team\n", f"team\n{PYTEST_SETTINGS}"
    )
    assert fix(tmp_path) == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[project]\nname = 'x'  # y\n\n[tool.pytest.ini_options]\n"),
        ("pyproject.toml", "[ tool . pytest . ini_options ] # z\nmarkers = [\n  'a: [b]',\n]\n"),
        ("pyproject.toml", "[tool.pytest]\nstrict = true\n[tool.ruff]\nline-length = 9\n"),
        ("pytest.toml", "[pytest]\nminversion = '9.0'\n"),
        ("tox.ini", "[tox]\nenvlist = py\n\n[pytest]\ntestpaths = tests"),
        ("setup.cfg", "[metadata]\nname = x\n[tool:pytest]\n"),
        (".pytest.ini", "[pytest]\r\naddopts = -q\r\n"),
    ],
)
def test_every_configuration_file(name: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    fix(tmp_path)
    after = path.read_bytes().decode()
    kept = [line for line in after.splitlines() if not line.startswith("mlregress_")]
    assert kept == text.splitlines()
    assert ("\r\n" in text) == ("\r\n" in after)
    assert dict(Project(tmp_path, tmp_path).configuration.values).items() >= KEYS.items()
    assert fix(tmp_path) == ""


@pytest.mark.parametrize(
    ("name", "text", "before"),
    [
        ("pytest.ini", "", ""),
        ("pytest.ini", "# ours", "# ours\n"),
        ("pytest.ini", "[other]\r\nx = 1\r\n", "[other]\r\nx = 1\r\n"),
        (".pytest.ini", "\n", "\n"),
        ("pytest.toml", "", ""),
    ],
)
def test_a_file_without_a_section_gets_one(
    name: str, text: str, before: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    fix(tmp_path)
    after = path.read_bytes().decode()
    end = "\r\n" if "\r" in text else "\n"
    assert after.startswith(f"{before}[pytest]{end}mlregress_alpha = ")
    assert dict(Project(tmp_path, tmp_path).configuration.values) == KEYS
    assert fix(tmp_path) == ""


def test_only_what_is_missing_is_written_and_a_gate_that_is_off_is_switched_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "pytest.ini"
    path.write_text("[pytest]\nmlregress_alpha = 0.01\nmlregress_missing = warn  \n")
    fix(tmp_path)
    assert path.read_text() == (
        "[pytest]\nmlregress_seeds = 5\nmlregress_threads = 1\nmlregress_env_mismatch = warn\n"
        "mlregress_alpha = 0.01\nmlregress_missing = fail  \n"
    )


@pytest.mark.parametrize(
    ("files", "line"),
    [
        ({}, "no file configures pytest, and --fix writes no new one; make pytest.ini with"),
        ({"pyproject.toml": "[tool.pytest\n"}, "pyproject.toml cannot be parsed: "),
        ({"pytest.ini": "[pytest]\na=1\na=2\n"}, "pytest.ini cannot be parsed: "),
        (
            {"pyproject.toml": "[tool]\npytest.ini_options = {addopts = '-q'}\n"},
            "pyproject.toml: its [tool.pytest.ini_options] is laid out in a way that --fix does "
            'not edit; write there:\nmlregress_alpha = "0.05"\n',
        ),
        (
            {"pytest.toml": "pytest = {addopts = '-q'}\n"},
            "pytest.toml: its [pytest] is laid out in a way that --fix does not edit; write "
            'there:\nmlregress_alpha = "0.05"\n',
        ),
        (
            {"pyproject.toml": "x = '''\n[tool.pytest.ini_options]\n'''\n"
                               "[tool.pytest.ini_options]\naddopts = '-q'\n"},
            "pyproject.toml: its [tool.pytest.ini_options] is laid out in a way",
        ),
    ],
)  # fmt: skip
def test_what_it_refuses(files: dict[str, str], line: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(CannotFixError) as raised:
        fix(tmp_path)
    assert str(raised.value).startswith(line)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == files


def test_a_file_with_uncommitted_changes_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"pytest.ini": "[pytest]\naddopts = -q\n"})
    commit(tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -v\n")
    with pytest.raises(CannotFixError) as raised:
        fix(tmp_path)
    assert str(raised.value) == (
        "pytest.ini has uncommitted changes, and --fix would mix with them; commit or stash it "
        "first: git commit pytest.ini"
    )
    commit(tmp_path)
    assert fix(tmp_path) != ""
    assert git(tmp_path, "status", "--porcelain") == "M pytest.ini"
    assert fix(tmp_path) == ""  # nothing to write, whatever git says


NAMES = st.sampled_from(["addopts", "markers", "testpaths", "xfail_strict", "mlregress_seeds"])
TEXTS = st.text(st.characters(categories=["L", "N"], include_characters=" -_.:#;[]"), max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, TEXTS, max_size=4), st.lists(TEXTS, max_size=3), st.booleans())
def test_an_edit_adds_keys_and_changes_no_other(
    tmp_path: Path, values: dict[str, str], comments: list[str], toml: bool
) -> None:
    lines = [f"# {comment}" for comment in comments]
    quote = "'" if toml else ""
    lines += [f"{key} = {quote}{value.strip()}{quote}" for key, value in values.items()]
    name, header = ("pyproject.toml", "[tool.pytest.ini_options]") if toml else (
        "pytest.ini", "[pytest]",
    )  # fmt: skip
    path = tmp_path / name
    for other in ("pyproject.toml", "pytest.ini"):
        (tmp_path / other).unlink(missing_ok=True)
    text = "\n".join(["# first", header, *lines, ""])
    path.write_text(text)
    before = dict(Project(tmp_path, tmp_path).configuration.values)
    fix(tmp_path)
    after = dict(Project(tmp_path, tmp_path).configuration.values)
    assert after == {**KEYS, **before}
    kept = path.read_text()
    for key in KEYS.keys() - before.keys():
        kept = kept.replace(f'{key} = "{KEYS[key]}"\n' if toml else f"{key} = {KEYS[key]}\n", "")
    assert kept == text
    if toml:
        tomllib.loads(path.read_text())
    else:
        configparser.ConfigParser(interpolation=None).read_string(path.read_text())
