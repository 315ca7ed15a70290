"""What an A/B run compared, as its reports say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.reporting.sides import Sides
from pytest_mlregress.session.base_of_run import BaseOfRun
from pytest_mlregress.verdicts.group import SeedGroup


def sides_of_run(
    text: str, base: BaseOfRun, tree: WorkingTree, groups: Mapping[str, SeedGroup]
) -> Sides:
    """Both sides: their commits, what differs between them and what was read of it.

    Args:
        text: the base, as the option names it.
        base: the base.
        tree: the working tree, which is the candidate.
        groups: by test, its seeds on both sides.

    Returns:
        The sides, without a table of their environments and without a line on the suite.
    """
    return Sides(
        against=text,
        base_commit=base.side.commit,
        merge_base_of=base.side.merge_base_of,
        candidate_commit=tree.commit,
        uncommitted=tree.changed,
        diff_hash=tree.diff_hash,
        same_code=base.side.same_code,
        changed=base.side.changed,
        read=_changed_reads(base.side.changed, groups),
        reused=_reused(groups.values()),
        notes=base.notes,
    )


def _changed_reads(
    changed: tuple[str, ...], groups: Mapping[str, SeedGroup]
) -> dict[str, tuple[str, ...]]:
    """By test, the changed files that its seeds read on either side."""
    read: dict[str, tuple[str, ...]] = {}
    for test, group in groups.items():
        sides = [group, group.base] if group.base is not None else [group]
        files = [entry["files"] for side in sides for entry in side.reads.values()]
        if files:
            read[test] = tuple(sorted(set(changed) & set().union(*files)))
    return read


def _reused(groups: Iterable[SeedGroup]) -> dict[str, int]:
    """By side, the seeds that came from the cache."""
    candidates = list(groups)
    bases = [group.base for group in candidates if group.base is not None]
    return {"the candidate": _cached(candidates), "the base": _cached(bases)}


def _cached(groups: Iterable[SeedGroup]) -> int:
    return sum(seed.cached for group in groups for seed in group.reported)
