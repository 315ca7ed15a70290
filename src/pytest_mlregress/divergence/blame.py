"""Which commit changed a line, as git tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.divergence.source_lines import Source
from pytest_mlregress.revisions.base_commit import ABBREVIATED
from pytest_mlregress.revisions.repository import ask_git

_NOBODY: Final = re.compile(r"^0{7,}$")


@dataclass(frozen=True, slots=True)
class Change:
    """What changed a line.

    Attributes:
        commit: the first digits of the commit; None for a change that is in no commit.
        subject: the first line of its message; empty without a commit.
    """

    commit: str | None
    subject: str = ""

    def __str__(self) -> str:
        return "an uncommitted change" if self.commit is None else self.commit


def change_of(source: Source, top: Path, base: str | None, base_top: Path) -> Change | None:
    """The change of a line between the base and the working tree.

    Args:
        source: the line.
        top: the top folder of the working tree.
        base: the base's commit.
        base_top: the top folder of the base's checkout.

    Returns:
        The change; None outside git, or where git does not know the line.
    """
    try:
        if source.side == "candidate":
            return _blamed(top, source.frame.file, source.frame.line)
        return _removed(top, base, base_top, source)
    except GitError:
        return None


def _blamed(top: Path, file: str, line: int) -> Change | None:
    text = ask_git(top, "blame", "--porcelain", f"-L{line},{line}", "--", file)
    lines = text.splitlines()
    commit = lines[0].split(" ", 1)[0] if lines else ""
    if not commit:
        return None
    if _NOBODY.match(commit):
        return Change(None)
    subject = next((x.partition(" ")[2] for x in lines if x.startswith("summary ")), "")
    return Change(commit[:ABBREVIATED], subject)


def _removed(top: Path, base: str | None, base_top: Path, source: Source) -> Change | None:
    """The last commit since the base in which the number of lines with that text changed."""
    if base is None:
        return None
    file = source.frame.file
    lines = (base_top / file).read_text(encoding="utf-8", errors="replace").splitlines()
    text = lines[source.frame.line - 1].strip() if source.frame.line <= len(lines) else ""
    log = ask_git(top, "log", "-1", "--format=%H %s", f"-S{text}", f"{base}..HEAD", "--", file)
    commit, _, subject = log.strip().partition(" ")
    return Change(commit[:ABBREVIATED], subject) if commit else Change(None)
