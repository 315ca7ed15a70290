"""One test with everything that its verdict is reached with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_mlregress.baselines.artifact import Artifact, Provenance
from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.running.seed_outcome import WITHOUT_SUCCESS
from pytest_mlregress.verdicts.afterwards import late_notes, with_late_seed, with_notes_of_seeds
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.judge import incomplete, judge
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.since import since
from pytest_mlregress.verdicts.verdict import Verdict

if TYPE_CHECKING:
    from pytest_mlregress.revisions.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTest:
    """What `judge` and `judge_live_pairs` are called with; a report holds it, too.

    Attributes:
        group: the seeds of the test, with those of the base in an A/B run.
        rules: how it is judged.
        history: what git knows.
        baseline: what it is compared with; None without one, and in an A/B run.
        base: in an A/B run, where the base's values come from.
        same_code: in an A/B run, whether only the environments differ.
        problem: why the baseline cannot be used; empty where it can.
    """

    group: SeedGroup
    rules: Rules
    history: History
    baseline: Artifact | None = None
    base: Provenance | None = None
    same_code: bool = False
    problem: str = ""

    @property
    def compared_commit(self) -> str | None:
        """The commit that the test is compared with; None where there is none."""
        if self.base is not None:
            return self.base.commit
        return self.baseline.provenance.named_commit if self.baseline is not None else None

    def judge(self) -> Verdict | None:
        """The verdict on the seeds that have reported; None while more of them are needed."""
        if self.problem:
            from pytest_mlregress.verdicts.unusable import unusable_baseline

            return unusable_baseline(self.group, BaselineError(self.problem), updating=False)
        if self.base is not None and self.group.base is not None:
            return self._judge_pairs(self.group.base, self.base)
        verdict = judge(self.group, self.baseline, self.rules, self.history)
        return None if verdict is None else dated(verdict, self.baseline, self.history)

    def _judge_pairs(self, seeds_of_base: SeedGroup, base: Provenance) -> Verdict | None:
        from pytest_mlregress.verdicts.live_pairs import judge_live_pairs

        verdict = judge_live_pairs(self.group, seeds_of_base, base, self.rules, self.history)
        if verdict is None or self.same_code:
            return verdict
        return replace(verdict, since=since(self.history, base.commit))


def dated(verdict: Verdict, baseline: Artifact | None, history: History) -> Verdict:
    """The verdict with what lies between its baseline and the code under test.

    Args:
        verdict: the verdict.
        baseline: what it compared with.
        history: what git knows.

    Returns:
        It.
    """
    if baseline is None:
        return verdict
    provenance = baseline.provenance
    ago = since(history, provenance.named_commit, recorded=provenance.time)
    return replace(verdict, since=ago)


def rejudged(case: JudgedTest, *, failed_first: bool = False) -> Verdict:
    """The verdict that a run reaches whose seeds end in planned order.

    Seeds that were not needed come last, as they do in every run.

    Args:
        case: the test with the results of all its seeds.
        failed_first: whether those that failed end before all others, as they may with workers.

    Returns:
        The verdict; `incomplete` where seeds are missing.
    """
    done = case.group
    group = replace(done, results={}, base=_without_results(done.base))
    so_far, verdict = replace(case, group=group), None
    for seed in _in_order(done, failed_first=failed_first):
        if done.base is not None and group.base is not None and seed in done.base.results:
            group.base.results[seed] = done.base.results[seed]
        if seed in done.results:
            group.results[seed] = done.results[seed]
        if verdict is not None:
            verdict = with_late_seed(verdict, group, seed)
        elif (reached := so_far.judge()) is not None:
            verdict = with_notes_of_seeds(reached, done)
    if verdict is None:
        ended_early = incomplete(group, case.rules, "the run ended early")
        verdict = with_notes_of_seeds(ended_early, done)
    return with_all_seeds(
        replace(verdict, notes=(*verdict.notes, *late_notes(verdict, done))), done
    )


def seeds_after_verdict(case: JudgedTest) -> tuple[int, ...]:
    """The seeds that a run does not start whose seeds end in planned order.

    Args:
        case: the test with the results of all its seeds.

    Returns:
        Those after the one that decides; none where a run trains all seeds whatever they give.
    """
    if not case.rules.early:
        return ()
    done = case.group
    group = replace(done, results={}, base=_without_results(done.base))
    so_far = replace(case, group=group)
    seeds = [seed for seed in done.plan.planned if seed in done.results]
    for place, seed in enumerate(seeds, 1):
        if done.base is not None and group.base is not None and seed in done.base.results:
            group.base.results[seed] = done.base.results[seed]
        group.results[seed] = done.results[seed]
        if so_far.judge() is not None:
            return tuple(seeds[place:])
    return ()


def with_all_seeds(verdict: Verdict, group: SeedGroup) -> Verdict:
    """The verdict with the seeds that have reported since it was reached.

    Args:
        verdict: the verdict.
        group: the seeds of its test.

    Returns:
        It.
    """
    base = group.base.reported if group.base is not None else ()
    return replace(verdict, seeds=group.reported, base_seeds=base)


def _without_results(group: SeedGroup | None) -> SeedGroup | None:
    return None if group is None else replace(group, results={})


def _in_order(group: SeedGroup, *, failed_first: bool) -> list[int]:
    """The planned seeds, those of which a side was not needed last."""

    def turn(seed: int) -> int:
        sides = (group, group.base) if group.base is not None else (group,)
        outcomes = {side.results[seed].outcome for side in sides if seed in side.results}
        if failed_first and outcomes & (WITHOUT_SUCCESS | {"xfailed"}):
            return 0
        return 2 if "cancelled" in outcomes else 1

    return sorted(group.plan.planned, key=turn)
