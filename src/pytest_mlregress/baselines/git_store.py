"""Baselines as they are in a git ref, read without touching the working tree."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.checked_read import artifact_in, refuse_large
from pytest_mlregress.baselines.errors import StoreError
from pytest_mlregress.baselines.git_command import GitError, git, has_repository_above
from pytest_mlregress.baselines.git_ref import GIT_SCHEME
from pytest_mlregress.baselines.paths import FOLDER, SUFFIX, BaselineKey

__all__ = ["GitStore"]

_READ_ONLY: Final = "Write to a folder: leave out --mlregress-baseline, or name one"
_FILE_MODES: Final = frozenset({"100644", "100755"})


@dataclass(frozen=True, slots=True)
class _Blob:
    """A file of a commit: its object and its size in bytes."""

    name: str
    size: int


class GitStore:
    """The baselines of a git ref, read only.

    The ref is resolved once, so that a branch that moves during a run does not change what the run
    is compared with.

    Args:
        rootdir: pytest's rootdir, anywhere inside the repository.
        ref: any name of a commit.
        folder: the folder below the rootdir that has them all; None for the `__baselines__` folders
            beside the test files.

    Raises:
        StoreError: there is no git, no repository or no such ref.
    """

    writable = False

    def __init__(self, rootdir: Path, ref: str, folder: PurePosixPath | None = None) -> None:
        self._rootdir = rootdir
        self._ref = ref
        self._folder = folder
        try:
            name = git(rootdir, "rev-parse", "--verify", f"{ref}^{{commit}}")
        except GitError as error:
            if error.status is not None and not has_repository_above(rootdir):
                raise StoreError(
                    f"{GIT_SCHEME}{ref}",
                    f"{rootdir} is outside git",
                    "Run this in a repository, or name a folder or URL of baselines",
                ) from error
            raise StoreError(
                f"{GIT_SCHEME}{ref}",
                f"{rootdir} has no such commit: {error}",
                "Name a branch, tag or commit of this repository; a shallow clone may need "
                "`git fetch --unshallow` first",
            ) from error
        self._commit = name.decode().strip()

    def read(self, key: BaselineKey) -> Artifact | None:
        """The baseline in the ref, None if there is none.

        Args:
            key: the test and tier.

        Returns:
            The artifact.

        Raises:
            ArtifactError: the file is not the baseline of this test and tier.
            StoreError: git cannot read it.
        """
        blob = self._blobs.get(self._location(key))
        if blob is None:
            return None
        refuse_large(blob.size, source=self.describe(key))
        try:
            text = git(self._rootdir, "cat-file", "blob", blob.name)
        except GitError as error:
            raise StoreError(
                self.describe(key), f"git cannot read it: {error}", "Check it with `git fsck`"
            ) from error
        return artifact_in(text, key, source=self.describe(key))

    def write(self, key: BaselineKey, artifact: Artifact) -> None:
        """Refuse: a commit does not change.

        Raises:
            StoreError: always.
        """
        raise StoreError(self.describe(key), "a git ref cannot be written to", _READ_ONLY)

    def delete(self, key: BaselineKey) -> None:
        """Refuse: a commit does not change.

        Raises:
            StoreError: always.
        """
        raise StoreError(self.describe(key), "a git ref cannot be written to", _READ_ONLY)

    def check_writable(self, directories: Iterable[PurePosixPath]) -> None:
        """Refuse: a commit does not change.

        Raises:
            StoreError: always.
        """
        raise StoreError(f"{GIT_SCHEME}{self._ref}", "a git ref cannot be written to", _READ_ONLY)

    def list(self) -> tuple[BaselineKey, ...]:
        """Every baseline below the rootdir in the ref, sorted."""
        return tuple(sorted(filter(None, map(self._key, self._blobs))))

    def describe(self, key: BaselineKey) -> str:
        """The ref and the file below the rootdir.

        Args:
            key: the test and tier.

        Returns:
            The text, as a message prints it.
        """
        return f"{GIT_SCHEME}{self._ref}:{self._location(key)}"

    def _location(self, key: BaselineKey) -> PurePosixPath:
        if self._folder is not None:
            return self._folder / key.directory / key.path
        return key.directory / FOLDER / key.path

    def _key(self, path: PurePosixPath) -> BaselineKey | None:
        """The baseline whose file that is; None where it is none."""
        if path.suffix != SUFFIX:
            return None
        if self._folder is not None:
            if not path.is_relative_to(self._folder):
                return None
            path = path.relative_to(self._folder)
            found = len(path.parts) >= 2
            return BaselineKey(path.parents[1], PurePosixPath(*path.parts[-2:])) if found else None
        if len(path.parts) < 3 or path.parts[-3] != FOLDER:
            return None
        return BaselineKey(path.parents[2], PurePosixPath(*path.parts[-2:]))

    @cached_property
    def _blobs(self) -> dict[PurePosixPath, _Blob]:
        """The files of the commit below the rootdir, without symbolic links and submodules."""
        try:
            listing = git(self._rootdir, "ls-tree", "-r", "-l", "-z", self._commit)
        except GitError as error:
            raise StoreError(
                f"{GIT_SCHEME}{self._ref}",
                f"git cannot list it: {error}",
                "Check it with `git fsck`",
            ) from error
        blobs: dict[PurePosixPath, _Blob] = {}
        for line in listing.decode(errors="surrogateescape").split("\0"):
            facts, _, path = line.partition("\t")
            mode, *rest = facts.split() or [""]
            if mode in _FILE_MODES:
                _, name, size = rest
                blobs[PurePosixPath(path)] = _Blob(name, int(size))
        return blobs
