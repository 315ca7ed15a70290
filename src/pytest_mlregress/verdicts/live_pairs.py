"""The decision on one test whose base and candidate train in the same run, seed by seed.

`judge_live_pairs` is what `judge.judge` is for a recorded baseline: a pure function of the seeds so
far, called after every seed of either side. A look uses the first n pairs by number.
"""

from __future__ import annotations

from dataclasses import replace

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline, Provenance
from pytest_mlregress.baselines.environment import environment_differences
from pytest_mlregress.revisions.history import History
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.checked_metric import RED
from pytest_mlregress.verdicts.context import PENDING, JudgingContext
from pytest_mlregress.verdicts.deterministic import judge_bits
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.metric_samples import declared, metric_names, values_of
from pytest_mlregress.verdicts.pair_advice import pair_advice
from pytest_mlregress.verdicts.pair_bits import judge_pair_bits, only_seeds
from pytest_mlregress.verdicts.pair_metrics import judge_pair_metrics
from pytest_mlregress.verdicts.pair_preconditions import PAIR_PRECONDITIONS, PairContext
from pytest_mlregress.verdicts.pair_shortfalls import with_shortfalls
from pytest_mlregress.verdicts.pair_words import base_name
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.preconditions import skipped_seeds
from pytest_mlregress.verdicts.seed_blind import seed_blind_notes
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict, VerdictKind


def judge_live_pairs(
    group: SeedGroup,
    base: SeedGroup,
    base_provenance: Provenance,
    rules: Rules,
    history: History | None = None,
) -> Verdict | None:
    """The verdict on a test, or None while more seeds of a side have to run.

    Args:
        group: the candidate's seeds.
        base: the base's seeds of the same test.
        base_provenance: where the base's values come from.
        rules: how the test is judged; ``alpha`` is that of the test, which its metrics share.
        history: what git knows, for the text of the verdict only; None without git.

    Returns:
        The verdict.
    """
    pairs = pair_context(group, base, base_provenance, rules)
    verdict = _decided(pairs, history) or skipped_seeds(pairs.case)
    if verdict is None:
        return None
    label = base_name(rules)
    metrics = tuple(_beside_its_base(metric, label) for metric in verdict.metrics)
    return replace(verdict, base=label, base_seeds=base.reported, metrics=metrics)


def _beside_its_base(metric: MetricVerdict, label: str) -> MetricVerdict:
    """The metric with the name of its base, and how far two runs of one side differ."""
    spread = None
    if len(metric.baseline) == len(metric.candidate) > 1:
        from pytest_mlregress.statistics.pair_spread import same_side_spread

        spread = same_side_spread(tuple(metric.baseline.values()), tuple(metric.candidate.values()))
    return replace(metric, base=label, same_side_spread=spread, recorded_margin=None)


def pair_context(
    group: SeedGroup, base: SeedGroup, base_provenance: Provenance, rules: Rules
) -> PairContext:
    """The context in which live pairs are judged.

    Args:
        group: the candidate's seeds.
        base: the base's seeds.
        base_provenance: where the base's values come from.
        rules: how the test is judged.

    Returns:
        The context.
    """
    ready: list[SeedResult] = []
    for seed in group.plan.planned:
        after, before = group.results.get(seed), base.results.get(seed)
        if after is None or before is None:
            break
        if after.outcome != "finished" or before.outcome != "finished":
            break
        ready.append(after)
    artifact = base_artifact(base, base_provenance) if ready else None
    if artifact is not None:
        artifact = only_seeds(artifact, [seed.seed for seed in ready])
        rules = replace(rules, alpha=rules.alpha / max(len(artifact.metrics), 1))
    differences = _environment_differences(group, base, rules)
    return PairContext(JudgingContext(group, artifact, rules, tuple(ready), differences), base)


def _environment_differences(group: SeedGroup, base: SeedGroup, rules: Rules) -> tuple[str, ...]:
    """How the environments of both sides differ, where one value is compared bit for bit."""
    if not rules.deterministic or rules.env_mismatch == "ignore":
        return ()
    if group.environment is None or base.environment is None:
        return ()
    return tuple(environment_differences(base.environment, group.environment))


def base_artifact(base: SeedGroup, provenance: Provenance) -> Artifact:
    """The base's seeds that have passed so far, as a baseline that no file holds.

    Args:
        base: the base's seeds.
        provenance: where their values come from.

    Returns:
        The artifact, without revision and ledger.
    """
    passed = [seed for seed in base.reported if seed.outcome == "finished"]
    metrics = {
        name: MetricBaseline(
            values=values_of(passed, name),
            higher_is_better=metric.higher_is_better,
            margin=None,
            version=metric.version,
            resolution=metric.resolution,
        )
        for name in metric_names(passed)
        for metric in (declared(passed, name),)
    }
    return Artifact(
        test=base.plan.baseline_id,
        tier=base.plan.tier,
        metrics=metrics,
        provenance=provenance,
        data=passed[0].data if passed else {},
    )


def _decided(pairs: PairContext, history: History | None) -> Verdict | None:
    for rule in PAIR_PRECONDITIONS:
        answer = rule(pairs)
        if answer is PENDING:
            return None
        if answer is not None:
            return answer
    case = pairs.case
    planned, rules, baseline = case.group.plan.planned, case.rules, case.baseline
    if baseline is None:
        return None
    if rules.deterministic:
        return _judge_one_pair(pairs, baseline)
    ready = case.ready
    if not rules.early and len(ready) < len(planned):
        return None
    decision = judge_pair_bits(ready, planned, baseline, rules).or_looked(
        judge_pair_metrics(ready, planned, baseline, rules)
    )
    if decision is None:
        return None
    if decision.kind not in RED:
        decision = with_shortfalls(decision, len(planned), rules)
    return case.verdict(
        decision.kind,
        metrics=decision.metrics,
        reasons=decision.reasons,
        notes=(*seed_blind_notes(ready[: decision.seeds]), *decision.notes),
        decided_after=decision.seeds,
        next_steps=pair_advice(pairs, decision, history),
    )


def _judge_one_pair(pairs: PairContext, baseline: Artifact) -> Verdict | None:
    """A training that ignores its seed: one pair, bit for bit."""
    verdict = judge_bits(pairs.case, baseline)
    if verdict is None or verdict.kind is VerdictKind.IDENTICAL:
        return verdict
    return replace(verdict, next_steps=(f"run it again: {pairs.command}",))
