"""The files of a working tree that another machine needs to run its tests, and whether it has them.

Those that git knows or would add, also in submodules and other repositories in the tree; where
there is no git, all but what tools leave behind. A link to a folder of the tree stands for the
files in it, since a package holds no links. Trainings write into the tree, too (checkpoints, logs):
what git does not know is compared where it is code.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from pytest_mlregress.baselines.git_command import GitError, git
from pytest_mlregress.resources.need import in_bytes

MOST_BYTES: Final = 250_000_000
"""A tree of more bytes is not sent: Ray keeps it in the memory of its head."""

_WHOLE_BYTES: Final = 16_000_000
_END_BYTES: Final = 1_000_000
"""Of a file of more than the first number, its size and so many bytes at each end are compared."""

_LEFT_BEHIND: Final = frozenset(
    {
        *(".git", ".hg", ".svn", ".venv", "venv", ".tox", ".nox", "node_modules", "__pycache__"),
        *(".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".mlregress"),
        *(".ipynb_checkpoints", ".eggs", "site-packages"),
    }
)
_CODE: Final = frozenset({".py", ".pyi", ".toml", ".ini", ".cfg", ".yaml", ".yml"})
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time of a ZIP file: the same tree is the same bytes."""


class TreeTooLargeError(Exception):
    """A working tree that is too large to be sent; the text says what to do."""


@dataclass(frozen=True, slots=True)
class WorkingTree:
    """The files of a working tree.

    Attributes:
        root: its top folder: that of the git repository, or pytest's rootdir.
        files: paths from the root, with slashes.
        digests: by path: what a file holds; of those that have to be the same everywhere.
    """

    root: Path
    files: tuple[str, ...]
    digests: Mapping[str, str]

    @property
    def digest(self) -> str:
        """One for all that have to be the same."""
        whole = hashlib.sha256()
        for name, digest in sorted(self.digests.items()):
            whole.update(f"{name}\0{digest}\n".encode("utf-8", "surrogateescape"))
        return whole.hexdigest()


def working_tree(rootdir: Path, leave_out: Callable[[str], bool]) -> WorkingTree:
    """The tree that tests belong to, as it is now.

    Args:
        rootdir: pytest's.
        leave_out: of files that the run itself writes, which are not compared.

    Returns:
        The tree.
    """
    try:
        top = Path(os.fsdecode(git(rootdir, "rev-parse", "--show-toplevel")).rstrip("\n")).resolve()
        found = _of_repository(top)
    except GitError:
        top = rootdir.resolve()
        found = _of_folder(top)
    names = _Names(top, found).behind("", frozenset())
    known = {name: is_known for name, is_known in names if (top / name).is_file()}
    files = tuple(sorted(known))
    compared = (name for name in files if known[name] or PurePosixPath(name).suffix in _CODE)
    digests = ((name, digest_of(top / name)) for name in compared if not leave_out(name))
    return WorkingTree(top, files, {name: digest for name, digest in digests if digest})


class _Names:
    """Names from the top of a tree, and the links to folders of the tree among them."""

    def __init__(self, top: Path, found: Mapping[str, bool]) -> None:
        self._found = found
        self._targets = {name: _folder_of_link(top, name) for name in found}

    def behind(self, folder: str, passed: frozenset[str]) -> Iterator[tuple[str, bool]]:
        """What is in a folder, with what is behind its links; no link back is passed twice.

        Args:
            folder: from the top; empty for the top.
            passed: the folders that links have led to.

        Yields:
            Names from the folder, and whether git knows them.
        """
        start = f"{folder}/" if folder else ""
        for name, is_known in self._found.items():
            if not name.startswith(start):
                continue
            inside = name.removeprefix(start)
            target = self._targets[name]
            if target is None:
                yield inside, is_known
            elif target not in passed:
                for further, its_known in self.behind(target, passed | {target}):
                    yield f"{inside}/{further}", its_known


def _folder_of_link(top: Path, name: str) -> str | None:
    link = top / name
    if not link.is_symlink() or not link.is_dir():
        return None
    target = link.resolve()
    if not target.is_relative_to(top):
        return None
    folder = target.relative_to(top).as_posix()
    return "" if folder == "." else folder


def _of_repository(top: Path) -> dict[str, bool]:
    """Names from the top of a repository, and whether git knows them.

    Git lists a submodule, and any other repository in this one, as one name.
    """
    others = _split(git(top, "ls-files", "-z", "--others", "--exclude-standard"))
    known = _split(git(top, "ls-files", "-z"))
    found = dict.fromkeys(others, False) | dict.fromkeys(known, True)
    folders = [name for name in found if (top / name).is_dir() and not (top / name).is_symlink()]
    for name in folders:
        del found[name]
        inner = _of_inner_folder(top / name)
        found |= {str(PurePosixPath(name, file)): is_known for file, is_known in inner.items()}
    return found


def _of_inner_folder(folder: Path) -> dict[str, bool]:
    if (folder / ".git").exists():  # otherwise git would answer for the repository around it
        with suppress(GitError):
            return _of_repository(folder)
    return _of_folder(folder)


def _of_folder(folder: Path) -> dict[str, bool]:
    return {file.relative_to(folder).as_posix(): False for file in _walk(folder)}


def _split(listed: bytes) -> set[str]:
    return {os.fsdecode(name) for name in listed.split(b"\0") if name}


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name in _LEFT_BEHIND or entry.name.endswith(".pyc"):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)


def digest_of(file: Path) -> str | None:
    """What a file holds, and whether it holds it.

    Args:
        file: the file.

    Returns:
        A digest; None where there is no such file, or it cannot be read.
    """
    try:
        if not file.is_file():
            return None
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size <= _WHOLE_BYTES:
                return hashlib.sha256(stream.read()).hexdigest()
            ends = hashlib.sha256(stream.read(_END_BYTES))
            stream.seek(-_END_BYTES, os.SEEK_END)
            ends.update(stream.read())
            return f"{size}:{ends.hexdigest()}"
    except OSError:
        return None


def first_difference(digests: Mapping[str, str], root: Path) -> str | None:
    """Where a folder differs from a tree.

    Args:
        digests: those of the tree.
        root: the folder.

    Returns:
        ``models/net.py is missing`` or ``models/net.py differs``; None where no file does.
    """
    for name, digest in sorted(digests.items()):
        found = digest_of(root / name)
        if found != digest:
            return f"{name} {'is missing' if found is None else 'differs'}"
    return None


def pack(tree: WorkingTree, target: Path, extra: Mapping[str, Path] | None = None) -> None:
    """Put a tree into a ZIP file; the same tree gives the same bytes.

    Args:
        tree: the tree.
        target: the file to write.
        extra: by path in the file: other files to put there.

    Raises:
        TreeTooLargeError: it is larger than `MOST_BYTES`.
        OSError: a file cannot be read or written.
    """
    files = {name: tree.root / name for name in tree.files} | dict(extra or {})
    sizes = {name: file.stat().st_size for name, file in files.items()}
    if sum(sizes.values()) > MOST_BYTES:
        largest = max(sizes, key=lambda name: sizes[name])
        raise TreeTooLargeError(
            f"the working tree {tree.root} has {in_bytes(sum(sizes.values()))} in "
            f"{len(sizes)} files, and at most {in_bytes(MOST_BYTES)} are sent to a Ray cluster "
            f"(the largest is {largest} with {in_bytes(sizes[largest])}); name data in .gitignore "
            "and have it on the nodes, or put the tree on a file system that every node has at "
            "the same path"
        )
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, file in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), file.read_bytes(), zipfile.ZIP_DEFLATED)
