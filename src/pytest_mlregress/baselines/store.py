"""What every place for baselines can do, and the choice of one by its name."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.git_ref import GIT_SCHEME, is_git_ref
from pytest_mlregress.baselines.paths import BaselineKey

__all__ = ["Store", "open_store"]

_FILE_URL: Final = "file://"


class Store(Protocol):
    """A place where the baselines of a suite are kept.

    Every method raises `StoreError` if the place cannot be read or written, with the place and the
    remedy in its text; `read` raises `ArtifactError` for a file that is no baseline.

    Attributes:
        writable: whether `write` and `delete` can work here; a git ref is read only.
    """

    writable: bool

    def read(self, key: BaselineKey) -> Artifact | None:
        """The baseline, None if there is none.

        Args:
            key: the test and tier.

        Returns:
            The artifact.
        """

    def write(self, key: BaselineKey, artifact: Artifact) -> None:
        """Write the baseline: afterwards the whole new one is there, after an error the old one.

        Args:
            key: the test and tier.
            artifact: the baseline.
        """

    def delete(self, key: BaselineKey) -> None:
        """Delete the baseline; one that does not exist is no error.

        Args:
            key: the test and tier.
        """

    def list(self) -> tuple[BaselineKey, ...]:
        """Every baseline of the suite, sorted."""

    def check_writable(self, directories: Iterable[PurePosixPath]) -> None:
        """Raise the error now that `write` would raise later, as far as it can be known.

        Nothing is left behind.

        Args:
            directories: directories of test files, relative to the rootdir.
        """

    def describe(self, key: BaselineKey) -> str:
        """The file of the baseline, as a message prints it.

        Args:
            key: the test and tier.

        Returns:
            The text.
        """


def open_store(source: str | None, *, rootdir: Path) -> Store:
    """The store that `--mlregress-baseline` names.

    Args:
        source: None for `__baselines__` folders beside the test files; `git:REF` for those of a git
            ref; an fsspec URL (`s3://bucket/folder`); otherwise a folder, relative to `rootdir`.
        rootdir: pytest's rootdir, which contains the tests.

    Returns:
        The store.

    Raises:
        StoreError: the git ref does not exist, or the URL's file system cannot be used.
    """
    # Each kind of store is imported only when it is used.
    if source is not None and is_git_ref(source):
        from pytest_mlregress.baselines.git_store import GitStore

        return GitStore(rootdir, source.removeprefix(GIT_SCHEME))
    if source is not None and "://" in source and not source.startswith(_FILE_URL):
        from pytest_mlregress.baselines.fsspec_store import RemoteStore

        return RemoteStore(source)
    from pytest_mlregress.baselines.folder_store import FolderStore

    if source is None:
        return FolderStore(rootdir, beside_tests=True)
    folder = url2pathname(urlsplit(source).path) if source.startswith(_FILE_URL) else source
    return FolderStore(rootdir / Path(folder).expanduser(), beside_tests=False)
