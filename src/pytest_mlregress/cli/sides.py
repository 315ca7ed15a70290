"""The two sides of a comparison of baselines: refs, folders, URLs and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import click

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.git_ref import GIT_SCHEME, is_git_ref
from pytest_mlregress.baselines.git_store import GitStore
from pytest_mlregress.baselines.paths import SUFFIX
from pytest_mlregress.baselines.store import Store, open_store
from pytest_mlregress.cli.artifacts import all_artifacts

__all__ = [
    "Side",
    "file_side",
    "folder_below",
    "is_baseline_file",
    "read_file",
    "ref_source",
    "store_side",
]


@dataclass(frozen=True, slots=True)
class Side:
    """The baselines of one side.

    Attributes:
        label: what it is called.
        artifacts: its baselines, by what tells them apart on both sides.
        tests: the node ids of their tests, by the same.
    """

    label: str
    artifacts: Mapping[str, Artifact]
    tests: Mapping[str, str]


def is_baseline_file(text: str) -> bool:
    """Whether an argument names a baseline file.

    Args:
        text: the argument.

    Returns:
        Whether it does.
    """
    return text.endswith(SUFFIX) and Path(text).is_file()


def file_side(path: str) -> Side:
    """A single file.

    Args:
        path: the file.

    Returns:
        The side, whose only baseline is compared with the other side's, whatever their names.

    Raises:
        BaselineError: it holds no baseline.
    """
    artifact = read_file(Path(path))
    return Side(path, {"": artifact}, {"": artifact.test})


def read_file(path: Path) -> Artifact:
    """The baseline in a file, wherever it is.

    Args:
        path: the file.

    Returns:
        The artifact.

    Raises:
        BaselineError: it holds no baseline.
        click.ClickException: it cannot be read.
    """
    from pytest_mlregress.baselines.checked_read import refuse_large
    from pytest_mlregress.baselines.json_text import loads

    try:
        refuse_large(path.stat().st_size, source=str(path))
        text = path.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror or error}") from None
    return loads(text, source=str(path))


def ref_source(place: str, *, rootdir: Path) -> str:
    """Where baselines are read that an argument names: most name a git ref.

    Args:
        place: a git ref, with or without ``git:``, a folder, or a URL.
        rootdir: pytest's rootdir.

    Returns:
        A source as `open_store` takes it.
    """
    if is_git_ref(place) or "://" in place or (rootdir / Path(place).expanduser()).is_dir():
        return place
    return f"{GIT_SCHEME}{place}"


def folder_below(rootdir: Path, source: str | None) -> PurePosixPath | None:
    """The folder that has all baselines, where a git ref may have it, too.

    Args:
        rootdir: pytest's rootdir.
        source: where the baselines of the working tree are, as `open_store` takes it.

    Returns:
        The folder, relative to the rootdir; None where baselines are beside the test files, or in
        no folder below the rootdir.
    """
    if source is None or is_git_ref(source) or "://" in source:
        return None
    folder = rootdir / Path(source).expanduser()
    if not folder.is_relative_to(rootdir):
        return None
    return PurePosixPath(folder.relative_to(rootdir).as_posix())


def store_side(
    source: str | None, test: str, *, rootdir: Path, folder: PurePosixPath | None = None
) -> Side:
    """The baselines at a place whose test or file contains a text.

    Args:
        source: as `open_store` takes it; None for the working tree.
        test: the text.
        rootdir: pytest's rootdir.
        folder: the folder of a git ref that has them; None for those beside the test files.

    Returns:
        The side; it may have none.

    Raises:
        BaselineError: the place cannot be read.
    """
    store: Store
    if source is not None and is_git_ref(source) and folder is not None:
        store = GitStore(rootdir, source.removeprefix(GIT_SCHEME), folder)
    else:
        store = open_store(source, rootdir=rootdir)
    found = {
        str(key.directory / key.path): (key, artifact)
        for key, artifact in all_artifacts(store)
        if test in key.node_id(artifact.test) or test in store.describe(key)
    }
    label = "the working tree" if source is None else source.removeprefix(GIT_SCHEME)
    return Side(
        label,
        {place: artifact for place, (_, artifact) in found.items()},
        {place: key.node_id(artifact.test) for place, (key, artifact) in found.items()},
    )
