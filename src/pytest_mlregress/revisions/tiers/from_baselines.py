"""States of the code at which both tiers were recorded: baselines over git's history, ledgers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.checked_read import artifact_in, refuse_large
from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.baselines.paths import FOLDER, BaselineKey, artifact_path
from pytest_mlregress.baselines.store import open_store
from pytest_mlregress.node_ids import in_file, split_file
from pytest_mlregress.revisions.cells.suite import Suite, SuiteTest
from pytest_mlregress.revisions.repository import ask_git
from pytest_mlregress.revisions.tiers.state import TierSample

__all__ = ["recorded_samples"]

_MOST_REVISIONS: Final = 200
"""So many commits that changed a baseline are read, the newest."""


def recorded_samples(
    suite: Suite, test: SuiteTest, tier: str
) -> tuple[dict[str, TierSample], dict[str, TierSample]]:
    """What was recorded of one tier, by the commit that it was measured at.

    Args:
        suite: the working tree's tests.
        test: the test.
        tier: the tier.

    Returns:
        From baselines, and from the ledgers of the newest one, which hold means only.
    """
    key = _key(suite, test, tier)
    newest: Artifact | None = None
    with suppress(BaselineError):
        newest = open_store(suite.baseline, rootdir=suite.rootdir).read(key)
    found = [] if newest is None else [newest]
    folder = _folder(suite, key)
    if folder is not None:
        found += _over_history(suite.rootdir, folder / key.path, key)
    samples: dict[str, TierSample] = {}
    for artifact in found:  # newest first: what was recorded last of a commit counts
        origin = artifact.provenance
        if origin.named_commit is not None and not origin.dirty and not artifact.edited:
            samples.setdefault(_code_of(suite, origin.named_commit), _sample(artifact))
    if newest is None or newest.edited:
        return samples, {}
    ledger = _means_of_ledger(newest)
    return samples, {_code_of(suite, commit): sample for commit, sample in ledger.items()}


def _code_of(suite: Suite, commit: str) -> str:
    """The newest commit up to this one that changed more than baselines.

    Recording one tier, committing it and recording the other measures the same code twice, at two
    commits.
    """
    own = [f":(top,exclude,glob)**/{FOLDER}/**"]
    if suite.baseline is not None and ":" not in suite.baseline:
        own.append(f":(exclude){suite.baseline}")
    try:
        found = ask_git(suite.rootdir, "log", "-1", "--format=%H", commit, "--", ":/", *own)
    except GitError:  # a commit that a shallow clone lacks
        return commit
    return found.strip() or commit


def _key(suite: Suite, test: SuiteTest, tier: str) -> BaselineKey:
    file = test.file.resolve()
    names = split_file(test.test)[1]
    root = suite.rootdir.resolve()
    directory = file.parent.relative_to(root) if file.is_relative_to(root) else Path()
    return BaselineKey(
        PurePosixPath(directory.as_posix()), artifact_path(in_file(file.name, names), tier)
    )


def _folder(suite: Suite, key: BaselineKey) -> PurePosixPath | None:
    """The folder below the rootdir that holds the file, None where it is no folder here."""
    if suite.baseline is None:
        return key.directory / FOLDER
    if ":" in suite.baseline or Path(suite.baseline).is_absolute():
        return None
    return PurePosixPath(Path(suite.baseline).as_posix()) / key.directory


def _over_history(rootdir: Path, file: PurePosixPath, key: BaselineKey) -> Iterator[Artifact]:
    """The file at each commit that changed it, the newest first."""
    try:
        listed = ask_git(
            rootdir, "log", f"--max-count={_MOST_REVISIONS}", "--format=%H", "--", str(file)
        )
    except GitError:  # no repository, or no commit yet
        return
    for commit in listed.split():
        with suppress(GitError, BaselineError, UnicodeError):
            text = ask_git(rootdir, "show", f"{commit}:./{file}").encode("utf-8", "surrogateescape")
            refuse_large(len(text), source=str(file))
            yield artifact_in(text, key, source=f"{commit}:{file}")


def _sample(artifact: Artifact) -> TierSample:
    return TierSample(
        {
            name: {seed: value for seed, value in metric.values.items() if math.isfinite(value)}
            for name, metric in artifact.metrics.items()
        },
        rules={
            name: (metric.higher_is_better, "auto" if metric.margin is None else metric.margin)
            for name, metric in artifact.metrics.items()
        },
    )


def _means_of_ledger(artifact: Artifact) -> dict[str, TierSample]:
    """The mean at each accepted update, back from the newest by the accepted changes."""
    sample = _sample(artifact)
    means = {name: sample.mean(name) for name in sample.metrics}
    found: dict[str, TierSample] = {}
    for entry, before in _pairs(artifact):
        if entry is not None:
            found.setdefault(entry, TierSample({}, means=dict(means)))
        means = {
            name: means[name] - (1 if artifact.metrics[name].higher_is_better else -1) * effect
            for name, effect in before.items()
            if name in means and math.isfinite(effect)
        }
    return found


def _pairs(artifact: Artifact) -> Iterable[tuple[str | None, Mapping[str, float]]]:
    """The commit and the accepted changes of each entry, the newest first."""
    return ((entry.commit, entry.effects) for entry in reversed(artifact.ledger))
