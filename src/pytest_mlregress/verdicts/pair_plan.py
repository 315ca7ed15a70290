"""What the planned pairs of an A/B run can show, without running anything and without baselines."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mlregress.verdicts.plan import PlannedTest
from pytest_mlregress.verdicts.policy import Rules


def plan_pairs(test: str, tier: str, n_pairs: int, rules: Rules) -> PlannedTest:
    """Plan the pairs of one test.

    Nothing ran yet, so the number of its metrics is not known: the level is that of a single one,
    and losses are in standard deviations of a side's seeds.

    Args:
        test: the node id without the seed.
        tier: the tier.
        n_pairs: the largest number of pairs.
        rules: how the test is judged, with the level of the test.

    Returns:
        The plan.
    """
    if rules.deterministic:
        text = "deterministic: one pair is compared bit for bit, and any change is found"
        return PlannedTest(test, tier, n_pairs, pairs=(text,))
    return PlannedTest(test, tier, n_pairs, pairs=tuple(_lines(n_pairs, rules)))


def _lines(n_pairs: int, rules: Rules) -> Iterator[str]:
    from pytest_mlregress.statistics.pair_design import pair_looks
    from pytest_mlregress.statistics.pairs_needed import pairs_for_level, pairs_needed, shown_by

    alpha = rules.alpha
    looks = pair_looks(n_pairs) if rules.early else (n_pairs,)
    yield (
        f"looks after {', '.join(map(str, looks))} pairs, each one training on both sides; two "
        "bit-equal pairs are identical (4 at least for a metric of few values)"
    )
    shown = shown_by(n_pairs, alpha)
    yield (
        f"a loss of {shown:.2g} SD of the seeds is shown with power 0.90 if matched seeds are not "
        "linked, a smaller one if they are"
        if shown < float("inf")
        else "a single pair can show a failure, but no loss"
    )
    one = pairs_needed(1.0, alpha=alpha)
    if one is not None:
        yield f"for a loss of 1 SD: {one} pairs (--mlregress-seeds={one}) if they are not linked"
    need = pairs_for_level(alpha)
    if n_pairs < need.sign_flips:
        yield need.in_words(n_pairs)
