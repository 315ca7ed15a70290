"""Commands of CI whose failure fails nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.ci_files import CiFile, Command, ci_files, indent, pytest_commands
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.registry import CannotCheckError, Question, check
from pytest_mlregress.node_ids import split_file
from pytest_mlregress.plurals import count_of

CI: Final = Question(
    "gate-ci",
    "baselines",
    "No CI file ignores the exit status of pytest (`continue-on-error`, `allow_failure`, "
    "`ignore_outcome`, an `or true` of the shell, ...) or switches the gate off on its command "
    "line.",
)

_IGNORED: Final = (
    (re.compile(r"\|\|\s*(true\b|:(\s|$)|exit 0|echo\b|/bin/true)"), "ignores its exit status"),
    (re.compile(r";\s*(true|exit 0)\s*[\"']?\s*$"), "ignores its exit status"),
    (re.compile(r"--exit-zero\b"), "asks for exit status 0"),
    (re.compile(r"--suppress-no-test-exit-code\b"), "passes without any test"),
    (re.compile(r"--mlregress-missing[= ]warn\b"), "lets a test without a baseline pass"),
    (re.compile(r"-p\s*no:(pytest_)?mlregress\b"), "does not load the plugin"),
    (re.compile(r"returnStatus\s*:\s*true"), "ignores its exit status (returnStatus: true)"),
    (re.compile(r"success_codes\s*=\s*\[[^\]]*\b1\b"), "takes exit status 1 for success"),
)
_SWITCHES: Final = (
    re.compile(r"^\s*(-\s+)?(continue-on-error\s*:\s*true|allow_failure\s*:\s*true)\s*$"),
    re.compile(r"^\s*(-\s+)?(continueOnError\s*:\s*true)\s*$"),
)
_CATCH: Final = re.compile(r"\bcatchError\b(?!.*buildResult\s*:\s*['\"]FAILURE)")
_NO_ERREXIT: Final = re.compile(r"^\s*(-\s+)?set \+e\b")
_REMEDY: Final = "remove it: a red verdict must end the job"


@check(CI)
def gate_ci(project: Project) -> Iterator[DoctorFinding]:
    """Look at each call of pytest in the CI files, and at the blocks around it."""
    files = ci_files(project)
    commands = [command for file in files for command in pytest_commands(file)]
    if not commands:
        where = f"{count_of(len(files), 'CI file')} looked at" if files else "no CI file here"
        raise CannotCheckError(f"no command of CI calls pytest: {where}")
    gates = [
        command
        for command in commands
        if not command.excludes_mlregress and _may_run_ours(command, project)
    ]
    found = [finding for command in gates for finding in _of_command(command, project)]
    yield from found
    if not gates:
        first = commands[0]
        yield CI.warning(
            f"every call of pytest in CI leaves the regression tests out: {_shown(first)}",
            "a step that runs: pytest -m mlregress",
            project.place(first.file.path, first.line),
        )
    elif not found:
        first = gates[0]
        yield CI.ok(
            f"{count_of(len(gates), 'call')} of pytest whose failure fails the job: "
            f"{_shown(first)}",
            project.place(first.file.path, first.line),
        )


def _may_run_ours(command: Command, project: Project) -> bool:
    """Whether the paths that a command names, if it names any, hold a regression test."""
    words = re.split(r"[\s\"',]+", _own_part(command.text))
    named = [
        path
        for word in words
        if word and not word.startswith("-")
        for root in (project.top, project.folder)
        if (path := (root / split_file(word)[0])).exists() and path != root
    ]
    files = [test.module.file for test in project.all_tests]
    return not named or any(file.is_relative_to(path) for path in named for file in files)


def _of_command(command: Command, project: Project) -> Iterator[DoctorFinding]:
    place = project.place(command.file.path, command.line)
    for pattern, what in _IGNORED:
        if found := pattern.search(_own_part(command.text)):
            yield CI.problem(
                f"{_shown(command)} {what} ({found[0].strip()})", f"{_REMEDY}: {found[0].strip()}",
                place,
            )  # fmt: skip
    for line, text in _switches_around(command):
        yield CI.problem(
            f"{_shown(command)} in a block with {text}", _REMEDY,
            project.place(command.file.path, line),
        )  # fmt: skip


def _own_part(text: str) -> str:
    """From pytest's name to the end of what its exit status decides: up to ``&&``."""
    start = re.search(r"(pytest|py\.test)\b", text)
    own = text[start.start() :] if start else text
    return own.partition("&&")[0]


def _switches_around(command: Command) -> Iterator[tuple[int, str]]:
    """The lines whose block holds the command, and which ignore its failure."""
    file, name = command.file, command.file.path.name
    lines = file.lines
    if file.is_yaml:
        for number, line in enumerate(lines, start=1):
            if any(pattern.match(line) for pattern in _SWITCHES):
                first, last = _block(file, number)
                if first <= command.line <= last:
                    yield number, line.strip().removeprefix("- ")
        yield from _without_errexit(command)
    elif name == "tox.ini":
        yield from _in_section(command, re.compile(r"^\s*ignore_outcome\s*=\s*true", re.I))
        if re.match(r"^\s*(commands\s*=\s*)?-\s*(pytest|py\.test|python)", lines[command.line - 1]):
            yield command.line, "a leading dash, which ignores its exit status"
    elif name.lower() == "makefile" and re.match(r"^\t\s*@?-", lines[command.line - 1]):
        yield command.line, "a leading dash, which ignores its exit status"
    elif name == "Jenkinsfile":
        for number in range(max(0, command.line - 4), command.line):
            if _CATCH.search(lines[number]):
                yield number + 1, lines[number].strip()
    elif name != "noxfile.py":
        yield from _without_errexit(command)


def _block(file: CiFile, number: int) -> tuple[int, int]:
    """The first and last line of the mapping that a key belongs to, by indentation."""
    lines = file.lines
    column = indent(lines[number - 1])
    first = number
    while first > 1 and not _starts_item(lines[first - 1], column):
        above = lines[first - 2]
        if above.strip() and indent(above) < column:
            break
        first -= 1
    last = number
    while last < len(lines):
        below = lines[last]
        if below.strip() and (indent(below) < column or _starts_item(below, column)):
            break
        last += 1
    return first, last


def _starts_item(line: str, column: int) -> bool:
    """Whether a line begins the entry of a list whose keys stand in a column."""
    return line.lstrip().startswith("- ") and indent(line) == column


def _in_section(command: Command, pattern: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    """Lines of the command's own section of an ini file."""
    lines = command.file.lines
    starts = [n for n, line in enumerate(lines, start=1) if line.startswith("[")]
    first = max((n for n in starts if n <= command.line), default=1)
    last = min((n for n in starts if n > command.line), default=len(lines) + 1)
    for number in range(first, last):
        if pattern.match(lines[number - 1]):
            yield number, lines[number - 1].strip()


def _without_errexit(command: Command) -> Iterator[tuple[int, str]]:
    """``set +e`` above the command in the same script, with a later command that decides."""
    lines = command.file.lines
    column = len(lines[command.line - 1]) - len(lines[command.line - 1].lstrip())
    for number in range(command.line - 1, 0, -1):
        line = lines[number - 1]
        if line.strip() and len(line) - len(line.lstrip()) < column:
            return
        if re.match(r"^\s*set -\w*e", line):
            return
        if _NO_ERREXIT.match(line):
            following = lines[command.last] if command.last < len(lines) else ""
            if following.strip() and "$?" not in following:
                yield number, "set +e"
            return


def _shown(command: Command) -> str:
    start = re.search(r"(python[\d.]* -m )?(pytest|py\.test)\b.*", command.text)
    text = " ".join((start[0] if start else command.text).split()).strip("\"'")
    return text if len(text) <= 60 else f"{text[:57]}..."
