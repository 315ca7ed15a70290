"""Bit-equal pairs: a change that moves no bit needs no statistics, however few its pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.identical import BitEquality, BySeed, judge_bit_equality
from pytest_mlregress.verdicts.policy import Rules


def judge_pair_bits(
    ready: Sequence[SeedResult], planned: Sequence[int], base: Artifact, rules: Rules
) -> BitEquality:
    """Ask after each pair in its order whether any bit has moved, until one answer decides.

    Each answer sees its own pairs only and needs all of them equal, so that it depends neither on
    how far the base is ahead nor on what workers have trained beyond it, which `late_notes` names.
    Another environment that moves no bit is identical too: it was run here.

    Args:
        ready: the candidate's results of the first pairs.
        planned: the seeds of the pairs.
        base: the base, with a value for each of those seeds.
        rules: how the test is judged.

    Returns:
        What the pairs show so far.
    """
    answer = BitEquality()
    for n in range(1, len(ready) + 1):
        answer = judge_bit_equality(
            ready[:n],
            planned,
            only_seeds(base, [seed.seed for seed in ready[:n]]),
            rules,
            same_environment=True,
            seeds_needed=_pairs_needed,
        )
        if answer.decision is not None:
            break
    return answer


def only_seeds(base: Artifact, seeds: Sequence[int]) -> Artifact:
    """The base with the values of some seeds, in their order where that is increasing.

    Args:
        base: the base.
        seeds: the seeds; one without a value is left out.

    Returns:
        The smaller artifact.
    """
    metrics = {
        name: replace(metric, values={s: metric.values[s] for s in seeds if s in metric.values})
        for name, metric in base.metrics.items()
    }
    return replace(base, metrics=metrics)


def _pairs_needed(base_by_seed: BySeed, planned: int) -> int:
    from pytest_mlregress.statistics.bit_equality import pairs_to_match

    return max(len(base_by_seed), pairs_to_match(base_by_seed, planned=planned))
