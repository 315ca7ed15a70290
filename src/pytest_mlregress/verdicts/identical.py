"""Bit-equal runs: a change that moves no bit needs no statistics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.checked_metric import metric_verdict
from pytest_mlregress.verdicts.context import JudgingContext
from pytest_mlregress.verdicts.metric_samples import metric_names
from pytest_mlregress.verdicts.metrics import MetricsDecision
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind

BySeed = Mapping[int, Mapping[str, float]]
"""The metrics of each seed by name."""


@dataclass(frozen=True, slots=True)
class BitEquality:
    """What bit-equality says of the seeds so far.

    Attributes:
        decision: `identical`, or the failure of a test that declares ``expect="identical"``; None
            without either.
        open: whether no bit has moved yet and a few more such seeds would be evidence enough.
    """

    decision: MetricsDecision | None = None
    open: bool = False

    def or_looked(self, looked: MetricsDecision | None) -> MetricsDecision | None:
        """Whether this or the decision of the looks decides the test; None for neither yet.

        The one that needs fewer seeds, so that the verdict does not depend on the order in which
        they finish. A pass of bit-equal seeds is final; anything more severe waits for the evidence
        that nothing has changed, since an unlucky start is not a loss.

        Args:
            looked: the decision of the looks.

        Returns:
            The decision.
        """
        if looked is None or (looked.kind is not VerdictKind.PASS and self.open):
            return self.decision
        if self.decision is None:
            return looked
        passed_before = looked.kind is VerdictKind.PASS and looked.seeds < self.decision.seeds
        return looked if passed_before else self.decision


def judge_bit_equality(
    ready: Sequence[SeedResult],
    planned: Sequence[int],
    baseline: Artifact,
    rules: Rules,
    *,
    same_environment: bool,
    seeds_needed: Callable[[BySeed, int], int] | None = None,
) -> BitEquality:
    """Ask whether any bit has moved.

    In a different environment bits differ anyway, so nothing is decided. If every seed is run
    whatever they show, identity needs every seed.

    Args:
        ready: the results that may be used.
        planned: the seeds of the check.
        baseline: the baseline.
        rules: how the test is judged.
        same_environment: whether the environment is the baseline's.
        seeds_needed: how many of the planned seeds have to be bit-equal, given the metrics of each
            baseline seed; by default `seeds_to_match`.

    Returns:
        What the seeds show so far.
    """
    from pytest_mlregress.statistics.bit_equality import identical, seeds_to_match

    of_baseline = _by_seed(baseline)
    of_candidate = {seed.seed: {m.name: m.value for m in seed.metrics} for seed in ready}
    if rules.expect == "identical":
        moved = _first_moved(of_baseline, of_candidate)
        if moved is not None:
            return BitEquality(_finding(ready, baseline, rules, VerdictKind.REGRESSION, moved))
    if same_environment:
        needed = len(planned)
        if rules.early:
            needed = (
                seeds_to_match(of_baseline, planned=len(planned))
                if seeds_needed is None
                else seeds_needed(of_baseline, len(planned))
            )
        first = dict(list(of_candidate.items())[:needed])
        if identical(of_baseline, first, seeds=needed):
            return BitEquality(_finding(ready[:needed], baseline, rules, VerdictKind.IDENTICAL, ""))
        if len(ready) < needed and _first_moved(of_baseline, of_candidate) is None:
            return BitEquality(open=True)
    if rules.expect == "identical" and len(ready) == len(planned):
        return BitEquality(_finding(ready, baseline, rules, VerdictKind.IDENTICAL, ""))
    return BitEquality()


def first_moved(baseline: Artifact, ready: Sequence[SeedResult]) -> str | None:
    """The first metric of a seed that is not, bit by bit, the baseline's.

    Args:
        baseline: the baseline.
        ready: the results of seeds.

    Returns:
        The seed, the metric and both values in words; None where every bit is equal.
    """
    of_candidate = {seed.seed: {m.name: m.value for m in seed.metrics} for seed in ready}
    return _first_difference(_by_seed(baseline), of_candidate)


def recorded_in_another_group(case: JudgingContext, baseline: Artifact) -> Verdict | None:
    """Whether ``expect="identical"`` compares seeds that trained together with other ones.

    Sums over another number of seeds may take another order, so that the last bits of a seed depend
    on those that train with it. A baseline knows its seeds, and not the looks of the update that
    has recorded them: only where they are the check's do moved bits show a change.

    Args:
        case: the test, with all of its seeds.
        baseline: its baseline.

    Returns:
        The verdict; None where the question does not arise, or no bit has moved.
    """
    plan, recorded = case.group.plan, baseline.provenance.seeds
    asked = plan.trains_together and case.rules.expect == "identical"
    if not asked or recorded == plan.planned:
        return None
    of_candidate = {seed.seed: {m.name: m.value for m in seed.metrics} for seed in case.ready}
    moved = _first_moved(_by_seed(baseline), of_candidate)
    if moved is None:
        return None
    number = len(plan.planned)
    return case.verdict(
        VerdictKind.INCOMPARABLE,
        reasons=(
            f"{number} seeds train together here and {len(recorded)} were recorded, so that last "
            f"bits may differ anyway (vectorized=True): {moved}",
        ),
        next_steps=(
            f"without --mlregress-seeds, if that changed the number: {plan.command}",
            "or record the seeds that a check trains, and no others: "
            f"{plan.update_command} --mlregress-baseline-seeds={number}",
        ),
    )


def _by_seed(baseline: Artifact) -> dict[int, dict[str, float]]:
    seeds = {seed for metric in baseline.metrics.values() for seed in metric.values}
    return {
        seed: {
            name: metric.values[seed]
            for name, metric in baseline.metrics.items()
            if seed in metric.values
        }
        for seed in seeds
    }


def _first_moved(
    baseline: dict[int, dict[str, float]], candidate: dict[int, dict[str, float]]
) -> str | None:
    for seed, metrics in candidate.items():
        if baseline.get(seed, {}).keys() != metrics.keys():
            return f"seed {seed} has no baseline value, and expect='identical' needs one"
    moved = _first_difference(baseline, candidate)
    return f"expect='identical', but {moved}" if moved is not None else None


def _first_difference(
    baseline: dict[int, dict[str, float]], candidate: dict[int, dict[str, float]]
) -> str | None:
    from pytest_mlregress.statistics.bit_equality import bits

    for seed, metrics in candidate.items():
        before = baseline.get(seed, {})
        if before.keys() != metrics.keys():
            return f"seed {seed} recorded other metrics than the baseline has of it"
        for name, value in metrics.items():
            if bits({name: before[name]}) != bits({name: value}):
                return f"{name} of seed {seed} moved from {before[name]!r} to {value!r}"
    return None


def _finding(
    ready: Sequence[SeedResult], baseline: Artifact, rules: Rules, kind: VerdictKind, reason: str
) -> MetricsDecision:
    metrics = tuple(
        metric_verdict(name, ready, baseline, rules, kind=kind) for name in metric_names(ready)
    )
    return MetricsDecision(kind, metrics, len(ready), (reason,) if reason else ())
