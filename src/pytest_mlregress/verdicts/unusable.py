"""The verdict on a test whose baseline cannot be read or written."""

from __future__ import annotations

from pytest_mlregress.baselines.errors import BaselineError, ConflictError, StoreError
from pytest_mlregress.baselines.json_reader import RESTORE
from pytest_mlregress.verdicts.group import GroupPlan, SeedGroup
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind


def unusable_baseline(
    group: SeedGroup, error: BaselineError, *, updating: bool, kept: str | None = None
) -> Verdict:
    """Red, with the file and the remedy that the error names; the baseline there is unchanged.

    Args:
        group: the seeds of the test.
        error: why the baseline cannot be used.
        updating: whether it was to be written.
        kept: the file with the new baseline, if one was trained and kept elsewhere.

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
        next_steps=_next_steps(plan, error, updating=updating, kept=kept),
    )


def _next_steps(
    plan: GroupPlan, error: BaselineError, *, updating: bool, kept: str | None
) -> tuple[str, ...]:
    if isinstance(error, ConflictError):
        return (
            f"check this code against the new baseline: {plan.plain_command}",
            f"or record it on top of that: {plan.update_command}",
        )
    again = plan.update_command if updating else plan.command
    if kept is not None and isinstance(error, StoreError):
        return (
            f"the new baseline is in {kept}; copy it to {error.place}",
            f"or repair the file or its folder, then: {again}",
        )
    if str(error).endswith(RESTORE) and not plan.read_only:  # an update refuses such a file, too
        return (
            f"restore the file, then: {again}",
            f"or remove it, then record the baseline again: {plan.update_command}",
        )
    return (f"repair the file or its folder, then: {again}",)
