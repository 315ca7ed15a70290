"""What an ``xfail`` mark makes of a verdict."""

from __future__ import annotations

from pytest_mlregress.running.result import Xfail
from pytest_mlregress.verdicts.group import GroupPlan
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind


def expected_failure(plan: GroupPlan, verdict: Verdict) -> str | None:
    """Why a red verdict was expected: its seeds failed as ``xfail`` says, or the test may fail.

    A mark with ``raises`` expects the exception, hence no regression; and none expects that an
    update is refused.

    Args:
        plan: the test.
        verdict: its verdict.

    Returns:
        The reason; None where it was not expected.
    """
    failed = verdict.colour is Colour.RED and verdict.kind is not VerdictKind.REFUSED
    # In an A/B run a failure of both sides alike is not red.
    alike = verdict.base is not None and any(seed.outcome == "xfailed" for seed in verdict.seeds)
    if not (failed or alike):
        return None
    if plan.xfail is not None and not plan.xfail.raises:
        return plan.xfail.reason
    messages = (seed.message for seed in verdict.seeds if seed.outcome == "xfailed")
    message = next(messages, None)
    return message.partition("\n")[0] if message is not None else None


def passed_mark(plan: GroupPlan, verdict: Verdict) -> Xfail | None:
    """The mark that a verdict which is not red speaks against.

    Args:
        plan: the test.
        verdict: its verdict.

    Returns:
        The mark; None where there is none, and where nothing has passed: an update neither passes
        nor fails as a check would, and without a base there is nothing to compare with.
    """
    if verdict.kind is VerdictKind.RECORDED:
        return None
    if plan.against is not None and verdict.kind is VerdictKind.NO_BASELINE:
        return None
    return plan.xfail


def strict_pass(plan: GroupPlan, verdict: Verdict) -> str | None:
    """Why a verdict that is not red fails its test all the same: ``xfail(strict=True)``.

    Args:
        plan: the test.
        verdict: its verdict.

    Returns:
        The reason of the mark; None where there is none, or it is not strict.
    """
    mark = passed_mark(plan, verdict)
    return mark.reason if mark is not None and mark.strict else None


def fails(plan: GroupPlan, verdict: Verdict) -> bool:
    """Whether the report of a verdict is that of a failed test.

    Args:
        plan: the test.
        verdict: its verdict.

    Returns:
        Whether it fails the run.
    """
    if expected_failure(plan, verdict) is not None:
        return False
    return verdict.colour is Colour.RED or strict_pass(plan, verdict) is not None
