"""The verdict on a test whose baseline cannot be read or written."""

from __future__ import annotations

from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind


def unusable_baseline(group: SeedGroup, error: BaselineError, *, updating: bool) -> Verdict:
    """Red, with the file and the remedy that the error names; nothing was changed on disk.

    Args:
        group: the seeds of the test.
        error: why the baseline cannot be used.
        updating: whether it was to be written.

    Returns:
        The verdict.
    """
    plan = group.plan
    return Verdict(
        test=plan.test,
        tier=plan.tier,
        kind=VerdictKind.REFUSED if updating else VerdictKind.INCOMPARABLE,
        colour=Colour.RED,
        seeds=group.reported,
        planned=plan.planned,
        selected=plan.selected,
        reasons=(str(error),),
        next_steps=(f"repair the file or its folder, then: {plan.command}",),
    )
