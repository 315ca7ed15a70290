"""A run that compares two environments: its table, its line on the suite, its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from pytest_mlregress.baselines.environment import merged_environment, same_environment
from pytest_mlregress.baselines.provenance import WorkingTree, utc_now
from pytest_mlregress.reporting.environment_table import EnvironmentRow, environment_table
from pytest_mlregress.reporting.suite_line import suite_line
from pytest_mlregress.revisions.environment_evidence import (
    ComparedTest,
    EnvironmentEvidence,
    write_evidence,
)
from pytest_mlregress.revisions.environments import EnvironmentFacts, running_environment
from pytest_mlregress.session.environment_revision import evidence_folder
from pytest_mlregress.session.unused_baselines import is_whole_suite
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.largest_loss import effect_of
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind


def table_of(base: EnvironmentFacts, groups: Iterable[SeedGroup]) -> tuple[EnvironmentRow, ...]:
    """What differs between the environments in which the seeds of a run trained.

    Args:
        base: what the base's interpreter said of its environment.
        groups: the candidate's seeds by test, with those of the base.

    Returns:
        The rows.
    """
    groups = list(groups)
    candidate = running_environment()
    trained = [group.environment for group in groups if group.environment is not None]
    trained_base = [g.base.environment for g in groups if g.base and g.base.environment]
    if trained and trained_base:
        candidate = candidate.trained(merged_environment(trained))
        base = base.trained(merged_environment(trained_base))
    return environment_table(candidate, base)


def record_evidence(
    session: pytest.Session,
    *,
    table: Sequence[EnvironmentRow],
    tree: WorkingTree,
    groups: Iterable[tuple[SeedGroup, Verdict]],
) -> str | None:
    """Keep what a comparison of environments on the same code showed.

    Nothing is kept of a part of the suite, of a run with a red verdict, and outside git, where no
    later run could tell that the code is the same.

    Args:
        session: pytest's.
        table: what differs.
        tree: the state of the code.
        groups: the seeds and the verdict of each test.

    Returns:
        What to do with it, or why it could not be kept; None if there is nothing to say.
    """
    groups = list(groups)
    verdicts = [verdict for _, verdict in groups]
    tests = tuple(test for group, verdict in groups if (test := _test(group, verdict)) is not None)
    if tree.commit is None or tree.unknown is not None or not is_whole_suite(session):
        return None
    if not tests or any(verdict.colour is Colour.RED for verdict in verdicts):
        return None
    evidence = EnvironmentEvidence(
        time=utc_now(),
        commit=tree.commit,
        diff_hash=tree.diff_hash,
        differences=tuple(row.text for row in table),
        summary=suite_line(verdicts),
        tests=tests,
    )
    folder = evidence_folder(session.config)
    if folder is None:
        return (
            "the evidence of this comparison is not kept, since pytest's cache is off or cannot be "
            "written: an update would record each baseline by itself"
        )
    try:
        write_evidence(folder, evidence)
    except OSError as error:
        return f"the evidence of this comparison cannot be kept: {error}"
    if all(same_environment(test.base, test.candidate) for test in tests):
        return None
    return (
        "baselines of the base's environment become those of this one, in one revision with this "
        "comparison as its evidence: pytest -m mlregress --mlregress-update"
    )


def _test(group: SeedGroup, verdict: Verdict) -> ComparedTest | None:
    base = group.base
    if base is None or base.environment is None or group.environment is None:
        return None
    if verdict.kind is VerdictKind.SKIPPED:
        return None
    effects = [effect_of(verdict, metric) for metric in verdict.metrics]
    return ComparedTest(
        test=group.plan.test,
        tier=group.plan.tier,
        verdict=str(verdict.kind),
        pairs=verdict.decided_after,
        base=base.environment,
        candidate=group.environment,
        effects={e.metric: (e.change, e.low, e.high) for e in effects if e is not None},
    )
