"""The files that run tests in continuous integration, as lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.project_folder import text_of

__all__ = ["CiFile", "Command", "ci_files", "pytest_commands"]

_PATTERNS: Final = (
    *(".github/workflows/*.yml", ".github/workflows/*.yaml", ".gitlab-ci.yml", ".gitlab/ci/*.yml"),
    *(".circleci/config.yml", "azure-pipelines.yml", ".travis.yml", "bitbucket-pipelines.yml"),
    *(".buildkite/*.yml", ".drone.yml", "appveyor.yml", "cloudbuild.yaml", ".woodpecker.yml"),
    *("Jenkinsfile", "tox.ini", "noxfile.py", "Makefile", "makefile", "justfile", "Justfile"),
    *("ci/*.sh", ".ci/*", "scripts/ci*.sh", "scripts/test*.sh", "run_tests.sh"),
)

_CALL: Final = re.compile(
    r"(?:^|[\s;&|(\"'\[,=@-])(?:python[\d.]*\s+-m\s+|coverage\s+run\s+-m\s+|\$\(PYTHON\)\s+-m\s+)?"
    r"(?:pytest|py\.test)(?=[\s\"',)\];|&]|$)"
)
_NOT_A_CALL: Final = re.compile(
    r"\b(pip3?|uv|conda|mamba|poetry|pdm|apt(-get)?)\b.*\b(install|add)\b"
    r"|\bpytest\s+--(version|help|co\b|collect-only)"
)
_SCRIPTS: Final = frozenset(
    {
        *("run", "script", "before_script", "after_script", "command", "commands", "bash", "cmd"),
        *("args", "test", "test_script", "sh"),
    }
)
"""Keys of YAML whose values are commands; those of others, such as ``needs``, only name things."""


@dataclass(frozen=True, slots=True)
class CiFile:
    """One file of a CI system, or of what it calls.

    Attributes:
        path: the file.
        lines: its lines, without comments; line n is at index n - 1.
    """

    path: Path
    lines: tuple[str, ...]

    @property
    def is_yaml(self) -> bool:
        """Whether indentation makes its blocks."""
        return self.path.suffix in (".yml", ".yaml")


@dataclass(frozen=True, slots=True)
class Command:
    """One line that calls pytest, with the lines that continue it.

    Attributes:
        file: where it stands.
        line: the number of its first line.
        last: that of its last line.
        text: the whole command.
    """

    file: CiFile
    line: int
    last: int
    text: str

    @property
    def excludes_mlregress(self) -> bool:
        """Whether it leaves the regression tests out."""
        return re.search(r"-m[\s=]*[\"'\\]*[^\"']*\bnot\s+mlregress", self.text) is not None


def ci_files(project: Project) -> list[CiFile]:
    """The CI files of a project: of its repository, and of the examined folder.

    Args:
        project: the project.

    Returns:
        Each file once.
    """
    found: dict[Path, CiFile] = {}
    for root in dict.fromkeys((project.top, project.folder)):
        for pattern in _PATTERNS:
            for path in sorted(root.glob(pattern)):
                if path.is_file() and path not in found:
                    found[path] = CiFile(path, _lines(path))
    return list(found.values())


def _lines(path: Path) -> tuple[str, ...]:
    """The lines without comments; those of a Python file keep their text."""
    return tuple(re.sub(r"(^|\s)#.*", r"\1", line) for line in text_of(path).splitlines())


def pytest_commands(file: CiFile) -> Iterator[Command]:
    """The calls of pytest in a file.

    Args:
        file: a CI file.

    Yields:
        Each call; installing pytest, naming a step and asking for its version are none.
    """
    number = 0
    while number < len(file.lines):
        first = number
        text = file.lines[number]
        while (text.rstrip().endswith("\\") or _folded(file, first, number)) and (
            number + 1 < len(file.lines)
        ):
            number += 1
            text = text.rstrip().removesuffix("\\") + " " + file.lines[number].strip()
        number += 1
        if _CALL.search(text) and not _NOT_A_CALL.search(text) and _is_command(file, first + 1):
            yield Command(file, first + 1, number, text)


def _is_command(file: CiFile, number: int) -> bool:
    """Whether a line is a command of its file, and no list of packages or jobs."""
    line, name = file.lines[number - 1], file.path.name
    if file.is_yaml:
        return _key_of(file, number) in _SCRIPTS
    if name == "tox.ini":
        return _ini_key_of(file, number).startswith("commands")
    if name == "noxfile.py":
        return re.search(r"\.run(_always)?\(", line) is not None
    if name == "Jenkinsfile":
        return (
            re.search(r"\b(sh|bat|powershell)\b", line) is not None or "pytest" in line.split()[:1]
        )
    if name.lower() in ("makefile", "justfile"):
        return line.startswith(("\t", " "))
    return True


def _key_of(file: CiFile, number: int) -> str:
    """The key of YAML that a line is a value of, its own or that of a line above."""
    line = file.lines[number - 1]
    if own := re.match(r"^[\s-]*([\w-]+)\s*:\s+\S", line):
        return own[1]
    column = len(line) - len(line.lstrip())
    for above in reversed(file.lines[: number - 1]):
        found = re.match(r"^([\s-]*)([\w-]+)\s*:\s*([|>][+-]?\d*)?\s*$", above)
        if found and (
            len(found[1]) < column or (line.lstrip().startswith("- ") and len(found[1]) <= column)
        ):
            return found[2]
        own = re.match(r"^[\s-]*([\w-]+)\s*:", above)
        if own and len(above) - len(above.lstrip()) < column:
            return own[1]
    return ""


def _ini_key_of(file: CiFile, number: int) -> str:
    """The key of an ini file that a line is a value of."""
    for line in reversed(file.lines[:number]):
        if found := re.match(r"^([\w{}:.-]+)\s*=", line):
            return found[1]
        if line.startswith("["):
            return ""
    return ""


def _folded(file: CiFile, first: int, number: int) -> bool:
    """Whether a YAML scalar goes on: ``run: >`` joins the deeper lines below it."""
    if not file.is_yaml or re.search(r":\s*>[+-]?\s*$", file.lines[first]) is None:
        return False
    following = file.lines[number + 1] if number + 1 < len(file.lines) else ""
    return bool(following.strip()) and indent(following) > indent(file.lines[first])


def indent(line: str) -> int:
    """The column of the first key of a line; a dash of a list belongs to the indentation."""
    return len(line) - len(re.sub(r"^(\s*(-\s+)*)", "", line))
