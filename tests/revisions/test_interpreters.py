"""Where another environment's interpreter is, as a person writes it."""

import os
import sys
from pathlib import Path

import pytest

from pytest_mlregress.revisions.interpreters import EnvironmentProbeError, find_interpreter

EXAMPLE = "such as env:/path/to/venv or env:python3.12"


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def refusal(text: str, folder: Path) -> str:
    with pytest.raises(EnvironmentProbeError) as refused:
        find_interpreter(text, folder)
    return str(refused.value)


@pytest.mark.parametrize(
    "inside",
    [
        "bin/python",
        "bin/python3",
        "bin/python3.12",
        "Scripts/python.exe",
        "python.exe",
        ".venv/bin/python",
        "venv/bin/python",
        ".pixi/envs/default/bin/python",
        "envs/default/bin/python",
        "python3",
    ],
)
def test_a_folder_stands_for_the_interpreter_that_it_holds(tmp_path: Path, inside: str) -> None:
    python = executable(tmp_path / "old" / inside)

    assert find_interpreter("old", tmp_path) == python
    assert find_interpreter("./old/", tmp_path) == python
    assert find_interpreter(str(tmp_path / "old"), Path.cwd()) == python
    assert find_interpreter(f"old/{inside}", tmp_path) == python


def test_links_are_kept(tmp_path: Path) -> None:
    """Resolved, the interpreter would be that of the system and know of no environment."""
    link = tmp_path / "old" / "bin" / "python"
    link.parent.mkdir(parents=True)
    link.symlink_to(sys.executable)

    assert find_interpreter("old", tmp_path) == link


def test_home_and_variables_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = executable(tmp_path / "envs" / "old" / "bin" / "python")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ENVS", "envs")

    assert find_interpreter("~/$ENVS/old", Path("/")) == python
    assert find_interpreter("  ${ENVS}/old ", tmp_path) == python


def test_a_plain_name_is_a_command_unless_there_is_such_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = executable(tmp_path / "commands" / "python3.99")
    monkeypatch.setenv("PATH", str(command.parent))
    assert find_interpreter("python3.99", tmp_path) == command

    own = executable(tmp_path / "python3.99" / "bin" / "python")
    assert find_interpreter("python3.99", tmp_path) == own


def test_every_refusal_names_the_place_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("python")
    dangling = tmp_path / "dangling" / "bin" / "python"
    dangling.parent.mkdir(parents=True)
    dangling.symlink_to("/nowhere/python3.9")
    name = "name an interpreter, or a folder that holds one, " + EXAMPLE

    assert refusal(" ", tmp_path) == (
        f"env: names no interpreter; give one, or a folder that holds one, {EXAMPLE}"
    )
    assert refusal("old/venv", tmp_path) == f"there is no {tmp_path}/old/venv; {name}"
    assert refusal("python3.98", tmp_path) == (
        f"there is no {tmp_path}/python3.98, and no command python3.98 on PATH; {name}"
    )
    assert refusal("empty", tmp_path) == (
        f"the folder {tmp_path}/empty holds no Python interpreter: neither bin/python nor "
        "Scripts/python.exe nor .venv nor .pixi is there; name the interpreter itself, " + EXAMPLE
    )
    assert refusal("dangling", tmp_path) == (
        f"{dangling} is a link to /nowhere/python3.9, which does not exist: the Python that the "
        "environment was made with is gone; create the environment again"
    )
    assert refusal("notes.txt", tmp_path) == (
        f"{tmp_path}/notes.txt is no executable file; name a Python interpreter, {EXAMPLE}"
    )
    assert refusal(os.devnull, tmp_path) == (
        f"{os.devnull} is no executable file; name a Python interpreter, {EXAMPLE}"
    )
