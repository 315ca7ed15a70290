"""``--fix``: writes settings of the plugin into pytest's configuration file, and nothing else.

The file is edited by lines, so that comments and layout stay. The result is parsed before it is
written: it must say what the old file says, and the new keys, and no more.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.atomic import replace_file
from pytest_mlregress.baselines.git_command import GitError, git
from pytest_mlregress.doctor.configuration import ALONE, TABLES, settings_in
from pytest_mlregress.doctor.ini_keys import KEYS, corrections, missing_keys
from pytest_mlregress.doctor.project import Project

__all__ = ["CannotFixError", "Fix", "apply_fix", "plan_fix"]

_LARGEST: Final = 2**20


class CannotFixError(ValueError):
    """Why the configuration file is not edited; the text says what to do by hand."""


@dataclass(frozen=True, slots=True)
class Fix:
    """An edit of a configuration file.

    Attributes:
        file: the file; None where nothing is to be written.
        before: its text.
        after: its new text.
        name: how messages call the file.
    """

    file: Path | None
    before: str = ""
    after: str = ""
    name: str = ""

    @property
    def diff(self) -> str:
        """The edit as a unified diff; empty where nothing changes."""
        lines = difflib.unified_diff(
            self.before.splitlines(),
            self.after.splitlines(),
            f"a/{self.name}",
            f"b/{self.name}",
            lineterm="",
        )
        return "".join(f"{line}\n" for line in lines)


def plan_fix(project: Project) -> Fix:
    """What ``--fix`` would write.

    Args:
        project: the project.

    Returns:
        The edit; an empty one where every key is there.

    Raises:
        CannotFixError: no file configures pytest, or it is broken, has uncommitted changes, or is
            laid out in a way that is not edited.
    """
    configuration = project.configuration
    if configuration.broken:
        raise CannotFixError(f"{configuration.broken}; repair it, nothing was written")
    file = configuration.file
    quote = _quote(file.name if file is not None else "pytest.ini")
    by_hand = "\n".join(f"{key} = {quote}{value}{quote}" for key, value in KEYS.items())
    if file is None:
        raise CannotFixError(
            "no file configures pytest, and --fix writes no new one; make pytest.ini with "
            f"[pytest] and below it:\n{by_hand}"
        )
    new = {key: KEYS[key] for key in missing_keys(configuration)}
    changed = corrections(configuration)
    name = project.place(file)
    if not new and not changed:
        return Fix(None, name=name)
    before = _text_of(file, name)
    _refuse_uncommitted(file, name)
    after = _edited(before, file.name, configuration.place, new, changed)
    expected = {**configuration.values, **new, **changed}
    try:
        found = settings_in(file.name, after.removeprefix("\ufeff")) if after else None
    except ValueError:
        found = None
    if found is None or found[1] != expected:
        raise CannotFixError(
            f"{name}: its [{configuration.place}] is laid out in a way that --fix does not edit; "
            f"write there:\n{by_hand}"
        )
    return Fix(file, before, after, name)


def apply_fix(fix: Fix) -> None:
    """Write an edit, in one step.

    Args:
        fix: the edit.

    Raises:
        CannotFixError: the file cannot be written; it is untouched.
    """
    if fix.file is None:
        return
    try:
        # A link's target is replaced, not the link; the rights of the file stay.
        target = fix.file.resolve()
        mode = target.stat().st_mode
        replace_file(target, fix.after.encode())
        target.chmod(mode & 0o7777)
    except OSError as error:
        raise CannotFixError(f"{fix.name} cannot be written: {error.strerror}") from None


def _text_of(file: Path, name: str) -> str:
    try:
        content = file.read_bytes()
        if len(content) > _LARGEST:
            raise CannotFixError(f"{name}: {len(content)} bytes are no configuration file")
        return content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotFixError(f"{name} cannot be read as UTF-8: {error}") from None


def _refuse_uncommitted(file: Path, name: str) -> None:
    """An edit of ours must not mix with one of the user's."""
    try:
        changes = git(file.parent, "status", "--porcelain", "--", file.name).strip()
    except GitError:
        return  # outside git there is no commit to compare with
    if changes:
        raise CannotFixError(
            f"{name} has uncommitted changes, and --fix would mix with them; commit or stash it "
            f"first: git commit {name}"
        )


def _quote(file_name: str) -> str:
    """What a value stands between: TOML has quotes."""
    return '"' if file_name in TABLES else ""


def _edited(
    text: str, file_name: str, place: str, new: Mapping[str, str], changed: Mapping[str, str]
) -> str:
    """The text with new keys below the header of their section, and changed values in place.

    Returns:
        The text; empty where the header or a value is not found.
    """
    quote = _quote(file_name)
    lines = text.splitlines(keepends=True)
    header = next((n for n, line in enumerate(lines) if _is_header(line, place)), None)
    if header is None and file_name in ALONE:  # in force without a section, as an empty file is
        lines = [*_ended(lines), f"[{place}]\r\n" if "\r\n" in text else f"[{place}]\n"]
        header = len(lines) - 1
    if header is None:
        return ""
    end = "\r\n" if lines[header].endswith("\r\n") else "\n"
    for key, value in changed.items():
        pattern = re.compile(rf"^(\s*{key}\s*[=:]\s*)([\"']?)[\w-]+\2(\s*(#.*)?)$")
        numbers = [n for n, line in enumerate(lines) if pattern.match(line.rstrip("\r\n"))]
        if len(numbers) != 1:
            return ""
        found = pattern.match(lines[numbers[0]].rstrip("\r\n"))
        assert found is not None
        lines[numbers[0]] = f"{found[1]}{found[2]}{value}{found[2]}{found[3]}{end}"
    if header == len(lines) - 1:
        lines = _ended(lines)
    added = [f"{key} = {quote}{value}{quote}{end}" for key, value in new.items()]
    return "".join([*lines[: header + 1], *added, *lines[header + 1 :]])


def _ended(lines: list[str]) -> list[str]:
    """Lines of which the last one ends, too."""
    if not lines or lines[-1].endswith(("\n", "\r")):
        return lines
    return [*lines[:-1], lines[-1] + ("\r\n" if lines[0].endswith("\r\n") else "\n")]


def _is_header(line: str, place: str) -> bool:
    """Whether a line is ``[tool.pytest.ini_options]``, or the like with blanks and a comment."""
    found = re.match(r"^\ufeff?\s*\[([^\[\]]+)\]\s*([#;].*)?$", line.rstrip("\r\n"))
    return found is not None and re.sub(r"[\s\"']", "", found[1]) == place
