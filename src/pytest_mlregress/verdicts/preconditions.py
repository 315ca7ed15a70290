"""The rules that come before statistics: what makes a comparison unnecessary or impossible.

Each takes the context and returns a verdict, `PENDING` if it applies but needs more seeds, or None
if the next rule is to be tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pytest_mlregress.running.result import COLLAPSED, SeedResult
from pytest_mlregress.running.seed_outcome import AT_THE_BAD_END
from pytest_mlregress.verdicts.advice import after_loss, fixed_path
from pytest_mlregress.verdicts.context import (
    PENDING,
    JudgingContext,
    Pending,
    run_command,
    seeds_in_words,
)
from pytest_mlregress.verdicts.deterministic import recorded_otherwise
from pytest_mlregress.verdicts.metric_samples import (
    contradictions,
    declared,
    incomparable,
    metric_names,
    values_of,
)
from pytest_mlregress.verdicts.unchanged import unchanged_test
from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict, VerdictKind

_COMMIT: Final = "commit the __baselines__ folder"


def failed_seed(case: JudgingContext) -> Verdict | None:
    """A seed that failed: `diverged`.

    Args:
        case: the test.

    Returns:
        The verdict, or None.
    """
    failed = [seed for seed in case.results if seed.outcome in (AT_THE_BAD_END | {"xfailed"})]
    if not failed:
        return None
    reasons = [f"seed {seed.seed} {_what_failed(seed)}" for seed in failed]
    return case.verdict(
        VerdictKind.DIVERGED,
        reasons=tuple(reasons),
        next_steps=(
            *fixed_path(case.group.plan, failed),
            *_let_it_finish(case, failed),
            f"run it again: {case.group.plan.command} --lf",
        ),
    )


def _what_failed(seed: SeedResult) -> str:
    if seed.collapse:
        return f"{COLLAPSED}: {seed.collapse}"
    message = first_line(seed.message)
    return message if seed.outcome == "timed out" else f"failed: {message}"


def _let_it_finish(case: JudgingContext, failed: Sequence[SeedResult]) -> tuple[str, ...]:
    if not any(seed.collapse for seed in failed):
        return ()
    return (f"to let such a run finish: {case.group.plan.command} --mlregress-curves=off",)


def lost_seed(case: JudgingContext) -> Verdict | None:
    """A seed whose process died: `incomplete`.

    Args:
        case: the test.

    Returns:
        The verdict, or None.
    """
    lost = [seed for seed in case.results if seed.outcome == "lost"]
    if not lost:
        return None
    return case.verdict(
        VerdictKind.INCOMPLETE,
        reasons=tuple(f"seed {seed.seed}: {first_line(seed.message)}" for seed in lost),
        next_steps=(*after_loss(case.group.plan, lost[0]), run_command(case.group)),
    )


def skipped_test(case: JudgingContext) -> Verdict | None:
    """All seeds skipped by the test itself.

    Args:
        case: the test.

    Returns:
        The verdict, or None.
    """
    skipped = _skipped(case)
    if not skipped or len(skipped) < len(case.group.plan.selected):
        return None
    return case.verdict(VerdictKind.SKIPPED, reasons=(skipped[0].message,))


def skipped_seeds(case: JudgingContext) -> Verdict | None:
    """The verdict if all seeds are there, some skipped, and no other rule decides.

    Tried last, so that the verdict does not depend on when a skip arrives.

    Args:
        case: the test.

    Returns:
        The verdict, or None.
    """
    skipped = _skipped(case)
    if not skipped or not case.group.complete:
        return None
    return case.verdict(
        VerdictKind.INCOMPLETE,
        reasons=(
            f"{seeds_in_words([seed.seed for seed in skipped])} skipped ({skipped[0].message}), "
            "the others ran; a verdict needs all of them",
        ),
        next_steps=("skip all seeds of a test or none of them",),
    )


def _skipped(case: JudgingContext) -> list[SeedResult]:
    return [seed for seed in case.results if seed.outcome == "skipped"]


def partial_selection(case: JudgingContext) -> Verdict | Pending | None:
    """Some seeds deselected: no verdict, once the others have ended.

    Args:
        case: the test.

    Returns:
        The verdict, `PENDING`, or None.
    """
    plan = case.group.plan
    if not plan.partial:
        return None
    if not case.group.complete:
        return PENDING
    left = f"{len(plan.selected)} of {len(plan.planned)} seeds were"
    if plan.seeds_removed:
        reason = f"{left} left by a plugin or a conftest.py; a verdict needs all of them"
        advice: tuple[str, ...] = ("remove or keep the items of a test together",)
    else:
        reason, advice = f"{left} selected; a verdict needs all of them", ()
    return case.verdict(
        VerdictKind.INCOMPLETE,
        colour=Colour.RED if plan.seeds_removed else Colour.YELLOW,
        decided_after=sum(seed.outcome == "finished" for seed in case.results),
        reasons=(reason,),
        next_steps=(run_command(case.group), *advice),
    )


def _no_metric(case: JudgingContext) -> Verdict | Pending | None:
    if case.recorded:
        return None
    if not case.group.complete or _skipped(case):
        return PENDING
    if case.baseline is None:
        return case.verdict(VerdictKind.PASS, notes=("no metric recorded: every seed passed",))
    return incomparable_verdict(case, {"": "no seed recorded a metric, the baseline has some"})


def contradiction(case: JudgingContext) -> Verdict | None:
    """Seeds that disagree on what must be the same in all of them.

    Args:
        case: the test.

    Returns:
        The verdict, or None.
    """
    found = contradictions(case.ready)
    if not found:
        return None
    return case.verdict(
        VerdictKind.INCOMPARABLE,
        reasons=found,
        next_steps=("record every metric once per seed, with the same settings in every seed",),
    )


def _no_baseline(case: JudgingContext) -> Verdict | Pending | None:
    if case.baseline is not None:
        return None
    if not case.ready or (case.rules.missing == "warn" and not case.group.complete):
        return PENDING
    plan = case.group.plan
    where = f" in {plan.source}" if plan.source is not None else ""
    commit = () if plan.source is not None and not plan.read_only else (_COMMIT,)
    return case.verdict(
        VerdictKind.NO_BASELINE,
        metrics=tuple(
            MetricVerdict(
                name=name,
                kind=VerdictKind.NO_BASELINE,
                higher_is_better=declared(case.ready, name).higher_is_better,
                declared=declared(case.ready, name).margin,
                alpha=case.rules.alpha,
                candidate=values_of(case.ready, name),
            )
            for name in metric_names(case.ready)
        ),
        reasons=(f"no baseline is recorded for tier {plan.tier!r}{where}",),
        next_steps=(plan.update_command, *commit),
    )


def _edited_baseline(case: JudgingContext) -> Verdict | None:
    """Values that were not measured: a baseline lowered by hand would turn any loss into a gain."""
    if case.baseline is None or not case.baseline.edited or not case.ready:
        return None
    return case.verdict(VerdictKind.INCOMPARABLE, reasons=(_EDITED,), next_steps=_after_edit(case))


def edited_update(case: JudgingContext) -> Verdict | None:
    """An update is judged by the baseline that it replaces, unless a reason accepts any loss.

    Args:
        case: the test.

    Returns:
        The refusal if that baseline was edited, otherwise None.
    """
    if case.baseline is None or not case.baseline.edited:
        return None
    return case.verdict(
        VerdictKind.REFUSED,
        reasons=(f"{_EDITED}; nothing tells whether the new values lost against it",),
        next_steps=_after_edit(case),
    )


_EDITED: Final = (
    "the baseline file was edited by hand, or two updates were merged into it: its revision is "
    "not that of its content"
)


def _after_edit(case: JudgingContext) -> tuple[str, ...]:
    update = case.group.plan.update_command
    return (
        "restore one side of it whole from version control (git checkout REF -- FILE), and where "
        f"that was not measured on this code, record it again: {update}",
        "or start over from this code, with a new anchor and the reason: "
        f"{update} --mlregress-rebase-anchor='why'",
    )


def _other_environment(case: JudgingContext) -> Verdict | None:
    if not case.differences or case.rules.env_mismatch != "fail" or not case.ready:
        return None
    return case.verdict(
        VerdictKind.INCOMPARABLE,
        reasons=("the baseline comes from another environment", *case.differences),
        next_steps=(
            f"record the baseline in this environment: {case.group.plan.update_command}",
            "or accept the difference: --mlregress-env-mismatch=warn",
        ),
    )


def _changed_metric(case: JudgingContext) -> Verdict | None:
    if case.baseline is None or not case.ready:
        return None
    problems = incomparable(case.ready, case.baseline)
    return incomparable_verdict(case, problems) if problems else None


def incomparable_verdict(
    case: JudgingContext, problems: dict[str, str], next_step: str = ""
) -> Verdict:
    """Metrics that cannot be compared.

    Args:
        case: the test.
        problems: the reason by metric, or by ``""`` for the whole test.
        next_step: what to do; by default a new baseline.

    Returns:
        The verdict.
    """
    update = case.group.plan.update_command
    step = next_step or f"if the change is intended, record a new baseline: {update}"
    return case.verdict(
        VerdictKind.INCOMPARABLE,
        metrics=tuple(
            _incomparable_metric(case, name, problem) for name, problem in problems.items() if name
        ),
        reasons=tuple(
            f"metric {name!r} {problem}" if name else problem for name, problem in problems.items()
        ),
        next_steps=(step,),
    )


def _incomparable_metric(case: JudgingContext, name: str, problem: str) -> MetricVerdict:
    stored = case.baseline.metrics.get(name) if case.baseline is not None else None
    recorded = declared(case.ready, name) if name in metric_names(case.ready) else None
    return MetricVerdict(
        name=name,
        kind=VerdictKind.INCOMPARABLE,
        higher_is_better=(
            recorded.higher_is_better
            if recorded is not None
            else stored is not None and stored.higher_is_better
        ),
        declared=recorded.margin if recorded is not None else "auto",
        alpha=case.rules.alpha,
        baseline=stored.values if stored is not None else {},
        candidate=values_of(case.ready, name),
        reasons=(problem,),
    )


def first_line(text: str) -> str:
    """The first line of a message.

    Args:
        text: the message.

    Returns:
        The line, or that there is none.
    """
    return text.strip().splitlines()[0] if text.strip() else "no reason given"


PRECONDITIONS: Final[tuple[Callable[[JudgingContext], Verdict | Pending | None], ...]] = (
    failed_seed,
    lost_seed,
    skipped_test,
    unchanged_test,
    partial_selection,
    _no_metric,
    contradiction,
    _no_baseline,
    _edited_baseline,
    _other_environment,
    _changed_metric,
    recorded_otherwise,
)
"""Those of a check, in order."""


def _partial_update(case: JudgingContext) -> Verdict | None:
    plan = case.group.plan
    if not plan.partial:
        return None
    return case.verdict(
        VerdictKind.REFUSED,
        reasons=(
            f"{len(plan.selected)} of {len(plan.planned)} seeds were selected; "
            "a baseline needs all of them",
        ),
        next_steps=(plan.update_command,),
    )


UPDATE_PRECONDITIONS: Final[tuple[Callable[[JudgingContext], Verdict | None], ...]] = (
    failed_seed,
    lost_seed,
    skipped_test,
    skipped_seeds,
    _partial_update,
)
"""Those of an update, in order."""

LOOK_PRECONDITIONS: Final[tuple[Callable[[JudgingContext], Verdict | None], ...]] = (contradiction,)
"""Those of each look of an update, with the seeds of that look."""
