"""Small real repositories, and the base's checkout of each."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_mlregress.revisions.against import parse_against
from pytest_mlregress.revisions.worktree import BaseCheckout, prepare_checkout

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
LOCAL = ("-c", "protocol.file.allow=always")


@dataclass(frozen=True)
class Project:
    """A repository in a folder."""

    top: Path

    def git(self, *arguments: str) -> str:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        done = subprocess.run(
            ["git", "-C", str(self.top), *IDENTITY, *LOCAL, *arguments],
            check=True,
            capture_output=True,
            text=True,
            env={**clean, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        )
        return done.stdout.strip()

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def commit(self, files: Mapping[str, str], message: str = "Change") -> str:
        """Commit these files, and whatever else has changed."""
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    @property
    def place(self) -> Path:
        return self.top / ".pytest_cache" / "d" / "mlregress-worktrees"

    def prepare(
        self,
        against: str = "main",
        *,
        rootdir: Path | None = None,
        place: Path | None = None,
        patterns: Sequence[str] = ("test_*.py", "*_test.py"),
        folders: Sequence[Path] = (),
    ) -> BaseCheckout:
        return prepare_checkout(
            rootdir or self.top,
            parse_against("--mlregress-against", against),
            place=place or self.place,
            test_patterns=patterns,
            test_folders=folders,
        )

    def worktrees(self) -> list[str]:
        """The folders of all worktrees but the main one."""
        listing = self.git("worktree", "list", "--porcelain").splitlines()
        return [line.split(" ", 1)[1] for line in listing if line.startswith("worktree ")][1:]

    def state(self) -> tuple[str, ...]:
        """What a comparison must leave as it was, byte by byte."""
        common = self.top / self.git("rev-parse", "--git-common-dir")
        index = self.top / self.git("rev-parse", "--git-path", "index")
        files = (common / "HEAD", common / "config", index)
        return (
            *(path.read_bytes().hex() for path in files if path.exists()),
            self.git("for-each-ref"),
            self.git("status", "--porcelain=v1"),
            *sorted(str(path) for path in common.rglob("*.lock")),
        )


def project(top: Path, files: Mapping[str, str] | None = None) -> Project:
    """A repository with one commit on ``main`` that ignores caches and ``data/``."""
    made = Project(top)
    top.mkdir(parents=True, exist_ok=True)
    made.git("init", "--quiet", "--initial-branch=main")
    ignored = ".pytest_cache/\n__pycache__/\n/data/\n*.so\n_version.py\n.env\n.venv/\nbuild/\n"
    made.commit({".gitignore": ignored, **(files or {"model.py": "WIDTH = 1\n"})})
    return made


def on_branch(made: Project, files: Mapping[str, str] | None = None) -> Project:
    """The repository on a branch with one more commit."""
    made.git("checkout", "--quiet", "-b", "idea")
    made.commit(files or {"model.py": "WIDTH = 2\n"})
    return made


def names_in(folder: Path) -> list[str]:
    """Every file and link below a folder but git's own, sorted; links are not followed."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if Path(parent, name).is_symlink()]
        found += [Path(parent, name).relative_to(folder).as_posix() for name in [*files, *links]]
    return sorted(name for name in found if name.rpartition("/")[2] not in (".git", ".gitignore"))
