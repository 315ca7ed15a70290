"""Whether the seeds of a test need to run: asked in the process that would run them.

Its answer travels on the reports of the seeds, since xdist's controller never collects.
"""

from __future__ import annotations

import hashlib
from typing import Final

import pytest

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.git_command import GitError, git
from pytest_mlregress.baselines.packages import installed_version
from pytest_mlregress.baselines.recorded_reads import REPRODUCED, RecordedReads
from pytest_mlregress.running.reads import Reads, checkout_of
from pytest_mlregress.running.seed_items import SeedItem
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.running.seed_settings import machine_of, settings_digest
from pytest_mlregress.running.standing import Standing
from pytest_mlregress.session.recorded_baselines import suite_baselines_of
from pytest_mlregress.settings import Settings

AUDIT_SHARE: Final = 0.05
"""The share of the tests left out that is trained all the same, where no other is given."""

_STANDINGS: Final = pytest.StashKey[dict[str, Standing | None]]()
_COMMIT: Final = pytest.StashKey[str]()


def standing_of(config: pytest.Config, settings: Settings, item: pytest.Item) -> Standing | None:
    """What is known of a test's code since its baseline was recorded, found out once per test.

    Args:
        config: pytest's.
        settings: the settings of the run.
        item: the item of one of its seeds.

    Returns:
        The standing; None in an update, in an A/B run, which compares with no baseline, or where
        the baseline is missing or cannot be used.
    """
    if settings.updating or settings.compares_sides:
        return None
    known = config.stash.setdefault(_STANDINGS, {})
    record = item.stash[SEED_ITEM]
    if record.test not in known:
        known[record.test] = _standing(config, settings, item, record)
    return known[record.test]


def _standing(
    config: pytest.Config, settings: Settings, item: pytest.Item, record: SeedItem
) -> Standing | None:
    declared = record.declaration
    try:
        baselines = suite_baselines_of(config, declared.settings)
        baseline = baselines.find(record.file, record.test, declared.tier)
    except BaselineError:
        return None  # its verdict will tell
    if baseline is None or baseline.edited:
        return None
    changed = _recorded_otherwise(baseline, record) or _changed(
        baseline.provenance.reads or RecordedReads(), item
    )
    share = AUDIT_SHARE if settings.audit is None else settings.audit
    return Standing(changed, changed is None and is_drawn(_commit(config), record.test, share))


def _recorded_otherwise(baseline: Artifact, record: SeedItem) -> str | None:
    """Why the baseline itself allows no test to be left out."""
    reads = baseline.provenance.reads
    if reads is None:
        return (
            "its baseline does not say what its seeds read: record it again with "
            "--mlregress-update --mlregress-unchanged=skip"
        )
    if reads.always_run:
        return f"always trained: {reads.always_run[0]}"
    seeds = {seed for metric in baseline.metrics.values() for seed in metric.values}
    if reads.reproduced < min(REPRODUCED, len(seeds)):
        return "always trained: it was not shown that its seeds are reproducible"
    new = [seed for seed in record.declaration.seeds if seed not in seeds]
    return f"seed {new[0]} is not in its baseline" if new else None


def _changed(reads: RecordedReads, item: pytest.Item) -> str | None:
    """What differs now from what the seeds of the baseline saw."""
    if reads.settings != settings_digest(item.config, item.stash[SEED_ITEM].declaration):
        return "settings that a training can depend on have changed"
    if reads.machine != machine_of(item.config, item.stash[SEED_ITEM].declaration):
        return "the machine, the interpreter or an environment variable is another one"
    for package, version in reads.packages.items():
        if (now := installed_version(package)) != version:
            return f"{package} {version} is now {now or 'gone'}"
    seen = Reads(reads.files, reads.listings, reads.absent, variables=reads.variables)
    return seen.change_in(checkout_of(item.config.rootpath))


def is_drawn(commit: str, test: str, share: float) -> bool:
    """Whether a test is among those that are trained all the same, the same for all processes.

    Args:
        commit: the commit checked out.
        test: the node id without the seed.
        share: the share of the tests to draw, from 0 to 1.

    Returns:
        True for that share of all tests, others at every commit.
    """
    drawn = hashlib.sha256(f"{commit}\0{test}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(drawn[:8]) < share * 2**64


def _commit(config: pytest.Config) -> str:
    if _COMMIT not in config.stash:
        try:
            config.stash[_COMMIT] = git(config.rootpath, "rev-parse", "HEAD").decode().strip()
        except GitError:
            config.stash[_COMMIT] = ""
    return config.stash[_COMMIT]
