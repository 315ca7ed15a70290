"""Tests that did not run, since nothing that their seeds read has changed, and their audit."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.recorded_reads import REPRODUCED
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.context import PENDING, JudgingContext, Pending
from pytest_mlregress.verdicts.identical import first_moved
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind

SHORT_COMMIT: Final = 7


def since(commit: str | None) -> str:
    """``since 4041c47``, or in words where the commit is not known.

    Args:
        commit: the commit that the baseline was recorded at.

    Returns:
        The text.
    """
    return f"since {commit[:SHORT_COMMIT]}" if commit else "since the baseline was recorded"


def unchanged_test(case: JudgingContext) -> Verdict | Pending | None:
    """The verdict on a test whose seeds were not trained.

    Args:
        case: the test.

    Returns:
        `unchanged`, red where the seeds of an audit differ from the baseline; `PENDING` while those
        are missing; None for a test that is trained.
    """
    standing, baseline = case.group.standing, case.baseline
    if standing is None or standing["changed"] is not None or baseline is None:
        return None
    if not standing["audited"]:
        left_out = any(seed.outcome == "unchanged" for seed in case.results)
        return _not_run(case, baseline) if left_out else None
    drawn = case.group.plan.selected[:REPRODUCED]
    audited = [case.group.results[seed] for seed in drawn if seed in case.group.results]
    if len(audited) < len(drawn):
        return PENDING
    if any(seed.outcome != "finished" for seed in audited):
        return None
    return _audit(case, baseline, audited)


def _not_run(case: JudgingContext, baseline: Artifact) -> Verdict:
    why = f"nothing it reads has changed {since(baseline.provenance.named_commit)}"
    return case.verdict(
        VerdictKind.UNCHANGED, decided_after=0, reasons=(f"identical (not run: {why})",)
    )


def _audit(case: JudgingContext, baseline: Artifact, audited: list[SeedResult]) -> Verdict:
    moved = first_moved(baseline, audited)
    seeds = ", ".join(str(seed.seed) for seed in audited)
    unchanged = f"nothing it reads has changed {since(baseline.provenance.named_commit)}"
    if moved is None:
        return case.verdict(
            VerdictKind.UNCHANGED,
            decided_after=len(audited),
            reasons=(f"identical (audit: {unchanged}; seeds {seeds} trained again, bit-equal)",),
        )
    return case.verdict(
        VerdictKind.INCOMPARABLE,
        decided_after=len(audited),
        reasons=(f"audit: {moved}, though {unchanged}",),
        next_steps=(
            "its seeds depend on something that cannot be seen, or are not reproducible; train "
            f"them: {case.group.plan.command} --mlregress-unchanged=run",
            "and find out what they read besides the files of the repository: the network, files "
            "elsewhere, files that native code opens, the time",
        ),
    )


def why_trained(case_standing: object, commit: str | None) -> str | None:
    """Why a test was trained that could have been left out, for the notes of its verdict.

    Args:
        case_standing: as the reports of its seeds hold it; None where it was not asked.
        commit: the commit that the baseline was recorded at.

    Returns:
        The note, None for none.
    """
    changed = case_standing["changed"] if isinstance(case_standing, dict) else None
    if changed is None:
        return None
    return f"trained: {changed}" + (f" {since(commit)}" if changed.endswith(_VERBS) else "")


_VERBS: Final = (" has changed", " have changed", " has been added", " is gone")
