"""Which baselines have lost their test."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.paths import BaselineKey
from pytest_mlregress.node_ids import split_file
from pytest_mlregress.verdicts.suite_baselines import SuiteBaselines

__all__ = ["owner_of", "unused_keys"]


def unused_keys(
    baselines: SuiteBaselines,
    *,
    tests: Collection[tuple[PurePosixPath, str]],
    files: Collection[Path],
    folders: Iterable[PurePosixPath] = (PurePosixPath(),),
    uncollected: Iterable[PurePosixPath] = (),
) -> tuple[BaselineKey, ...]:
    """The baselines of tests that would have been collected, had they been there.

    In use are also the baseline of another tier of a collected test, those of a file that is there
    and gave no regression test (`collect_ignore`, `norecursedirs` and other plugins hide files),
    and one that cannot be read: its test is unknown.

    Args:
        baselines: those of the suite.
        tests: the directory, relative to the rootdir, and the baseline's id of each test.
        files: the files that gave a regression test.
        folders: the folders whose tests were all collected, relative to the rootdir.
        uncollected: files that were skipped or could not be imported, relative to the rootdir.

    Returns:
        Their keys, sorted.

    Raises:
        StoreError: the baselines cannot be listed.
    """
    folders, uncollected = tuple(folders), tuple(uncollected)
    found = []
    for key in baselines.store.list():
        owner = owner_of(baselines, key)
        if owner is None or (key.directory, owner) in tests:
            continue
        file = key.directory / split_file(owner)[0]
        place = baselines.rootdir / file
        if (
            any(key.directory.is_relative_to(folder) for folder in folders)
            and not any(file.is_relative_to(path) for path in uncollected)
            and not (place.exists() and place not in files)
        ):
            found.append(key)
    return tuple(found)


def owner_of(baselines: SuiteBaselines, key: BaselineKey) -> str | None:
    """The test that a baseline belongs to.

    Args:
        baselines: those of the suite.
        key: the baseline.

    Returns:
        Its id; None where it cannot be read.
    """
    try:
        # One that was not there when its test asked for it may be there now.
        artifact = baselines.at(key) or baselines.store.read(key)
    except BaselineError:
        return None
    return artifact.test if artifact is not None else None
