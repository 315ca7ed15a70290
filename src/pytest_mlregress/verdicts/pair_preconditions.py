"""The rules that come before the statistics of live pairs.

They are those of a check (`preconditions`) as far as they speak of the candidate. What went wrong
on the base alone is never red: the candidate cannot have caused it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.running.seed_outcome import AT_THE_BAD_END
from pytest_mlregress.verdicts.context import PENDING, JudgingContext, Pending
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.metric_samples import (
    contradictions,
    declared,
    incomparable,
    metric_names,
    values_of,
)
from pytest_mlregress.verdicts.pair_words import base_name
from pytest_mlregress.verdicts.preconditions import (
    contradiction,
    failed_seed,
    first_line,
    incomparable_verdict,
    lost_seed,
    partial_selection,
    skipped_test,
)
from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict, VerdictKind

_FAILED: Final = AT_THE_BAD_END | {"xfailed"}
_NO_VALUE: Final = _FAILED | {"lost", "skipped"}


@dataclass(frozen=True, slots=True)
class PairContext:
    """One test of live pairs.

    Attributes:
        case: the candidate's seeds, with the base as its baseline; ``ready`` holds the candidate's
            results of the longest run of planned pairs, from the first on, that passed on both
            sides; the baseline is None before the first.
        base: the base's seeds.
    """

    case: JudgingContext
    base: SeedGroup

    @property
    def command(self) -> str:
        """The command that runs the test on both sides."""
        return self.case.group.plan.command

    @property
    def base_name(self) -> str:
        """What texts call the base."""
        return base_name(self.case.rules)

    @property
    def base_colour(self) -> Colour:
        """The colour of what went wrong on the base."""
        return Colour.RED if self.case.rules.strict else Colour.YELLOW

    @property
    def both_complete(self) -> bool:
        """Whether every selected seed of both sides has a result."""
        selected = self.case.group.plan.selected
        return self.case.group.complete and all(seed in self.base.results for seed in selected)

    def no_base(self, *reasons: str, next_steps: Sequence[str] = ()) -> Verdict:
        """The verdict that there is nothing to compare with.

        Args:
            *reasons: why.
            next_steps: what to do.

        Returns:
            The verdict, yellow unless the run is strict.
        """
        ready = [seed for seed in self.case.results if seed.outcome == "finished"]
        return self.case.verdict(
            VerdictKind.NO_BASELINE,
            colour=self.base_colour,
            metrics=tuple(
                MetricVerdict(
                    name=name,
                    kind=VerdictKind.NO_BASELINE,
                    higher_is_better=declared(ready, name).higher_is_better,
                    declared=declared(ready, name).margin,
                    alpha=self.case.rules.alpha,
                    candidate=values_of(ready, name),
                )
                for name in metric_names(ready)
            ),
            reasons=reasons,
            next_steps=tuple(next_steps),
        )


def _wrong_origin(pairs: PairContext) -> Verdict | None:
    """A seed whose code did not come from its side: whatever it says, it is of other code."""
    texts = [text for text in (pairs.case.group.wrong_origin, pairs.base.wrong_origin) if text]
    if not texts:
        return None
    return pairs.case.verdict(
        VerdictKind.INCOMPARABLE,
        reasons=tuple(texts),
        next_steps=(f"once each side imports its own code, run it again: {pairs.command}",),
    )


def _unavailable(pairs: PairContext) -> Verdict | Pending | None:
    """A base that cannot run: the candidate's first seed still tells whether it works at all."""
    if pairs.base.unavailable is None:
        return None
    case = pairs.case
    answer = failed_seed(case) or lost_seed(case) or skipped_test(case) or partial_selection(case)
    if answer is not None:
        return answer
    if not any(seed.outcome == "finished" for seed in case.results):
        return PENDING
    return pairs.no_base(
        pairs.base.unavailable,
        next_steps=(
            "compare with a commit or an environment that has this test, or check it against a "
            f"recorded baseline: {case.group.plan.plain_command}",
        ),
    )


def _failures(pairs: PairContext) -> Verdict | Pending | None:
    """Failed seeds: red where the base passed, by Fisher's test where some of its seeds failed too.

    A value that is not finite counts as a failure on the base, and from then on on both sides. A
    seed that failed on both sides, and one that failed on the base alone, end in a yellow verdict
    once no candidate seed that is still to come could make it red.
    """
    after, before = pairs.case.group.results, pairs.base.results
    failed = [s for s, result in after.items() if result.outcome in _FAILED]
    failed_base = [s for s, result in before.items() if result.outcome in _NO_VALUE]
    if pairs.case.rules.on_nonfinite == "fail" and (of_base := _nonfinite(before.values())):
        failed_base = [*failed_base, *of_base]
        failed = [*failed, *_nonfinite(after.values())]
    if not failed and not failed_base:
        return None
    if not pairs.both_complete and _only_skipped(pairs):
        return PENDING
    if not pairs.both_complete and any(seed not in before for seed in failed):
        return PENDING
    if failed and not failed_base:
        return failed_seed(pairs.case)
    if _failed_too_often(pairs, failed, failed_base):
        return failed_seed(pairs.case) or pairs.case.verdict(
            VerdictKind.DIVERGED,
            reasons=tuple(_base_failures(pairs, failed)),
            next_steps=(f"look at one seed alone: {pairs.command} -k seed{failed[0]}",),
        )
    if not pairs.both_complete and _may_still_diverge(pairs, failed, failed_base):
        return PENDING
    texts = _base_failures(pairs, failed)
    return pairs.no_base(
        *texts,
        next_steps=(
            "nothing is compared with a base that fails; compare with a commit whose seeds pass",
        ),
    )


def _only_skipped(pairs: PairContext) -> bool:
    """Whether nothing has trained so far: where that is so of every seed, the test is skipped."""
    results = (*pairs.case.group.results.values(), *pairs.base.results.values())
    return all(result.outcome in ("skipped", "cancelled") for result in results)


def _nonfinite(results: Iterable[SeedResult]) -> list[int]:
    """The seeds that passed with a value that is not finite."""
    return [seed.seed for seed in results if seed.outcome == "finished" and _odd_value(seed)]


def _odd_value(seed: SeedResult) -> str:
    """``accuracy is nan``; empty where every value is finite."""
    odd = (m for m in seed.metrics if not math.isfinite(m.value))
    return next((f"{metric.name} is {metric.value}" for metric in odd), "")


def _failed_too_often(
    pairs: PairContext, failed: Sequence[int], failed_base: Sequence[int]
) -> bool:
    from pytest_mlregress.statistics.failures import fisher_pvalue

    total = len(pairs.case.group.plan.selected)
    if len(failed) + len(failed_base) == 0 or not pairs.both_complete:
        return False
    return fisher_pvalue(len(failed_base), total, len(failed), total) <= pairs.case.rules.alpha


def _may_still_diverge(
    pairs: PairContext, failed: Sequence[int], failed_base: Sequence[int]
) -> bool:
    from pytest_mlregress.statistics.failures import fisher_pvalue

    total = len(pairs.case.group.plan.selected)
    open_seeds = total - sum(s in pairs.case.group.results for s in pairs.case.group.plan.selected)
    most = len(failed) + open_seeds
    return fisher_pvalue(len(failed_base), total, most, total) <= pairs.case.rules.alpha


def _base_failures(pairs: PairContext, failed: Sequence[int]) -> Iterator[str]:
    after, before = pairs.case.group.results, pairs.base.results
    nonfinite = _nonfinite(before.values()) if pairs.case.rules.on_nonfinite == "fail" else []
    base = [s for s, result in before.items() if result.outcome in _NO_VALUE or s in nonfinite]
    for seed in sorted(base):
        also = ", and so did the candidate's" if seed in failed else ""
        if seed in nonfinite and seed in failed:
            also = f", and on the candidate {_what(after[seed])}"
        yield f"seed {seed} of {pairs.base_name} {_what(before[seed])}{also}"
    for seed in failed:
        if seed not in base:
            yield f"seed {seed} {_what(after[seed])}"


def _what(seed: SeedResult) -> str:
    if seed.outcome == "finished":
        return f"gave no finite value: {_odd_value(seed)}"
    if seed.outcome == "timed out":
        return first_line(seed.message)
    if seed.outcome == "lost":
        return f"was {first_line(seed.message)}"
    did = "was skipped" if seed.outcome == "skipped" else "failed"
    return f"{did}: {first_line(seed.message)}"


def _no_metric(pairs: PairContext) -> Verdict | Pending | None:
    case = pairs.case
    if case.recorded:
        return None
    if not pairs.both_complete:
        return PENDING
    if not metric_names(pairs.base.reported):
        passed = "no metric recorded: every seed passed on both sides"
        return case.verdict(VerdictKind.PASS, notes=(passed,))
    problem = f"no seed recorded a metric, {pairs.base_name} has some"
    return incomparable_verdict(case, {"": problem}, _SAME_TEST)


def _base_contradiction(pairs: PairContext) -> Verdict | None:
    ready = {seed.seed for seed in pairs.case.ready}
    found = contradictions([seed for seed in pairs.base.reported if seed.seed in ready])
    if not found:
        return None
    return pairs.no_base(*(f"{pairs.base_name}: {text}" for text in found))


def _changed_metric(pairs: PairContext) -> Verdict | None:
    case = pairs.case
    if case.baseline is None or not case.ready:
        return None
    problems = incomparable(case.ready, case.baseline, other=pairs.base_name)
    return incomparable_verdict(case, problems, _SAME_TEST) if problems else None


_SAME_TEST: Final = (
    "both sides have to record the same metrics: without own-tests: the candidate's test runs on "
    "both"
)


def _of_candidate(
    rule: Callable[[JudgingContext], Verdict | Pending | None],
) -> Callable[[PairContext], Verdict | Pending | None]:
    return lambda pairs: rule(pairs.case)


PAIR_PRECONDITIONS: Final[tuple[Callable[[PairContext], Verdict | Pending | None], ...]] = (
    _wrong_origin,
    _unavailable,
    _of_candidate(lost_seed),
    _of_candidate(skipped_test),
    _failures,
    _of_candidate(partial_selection),
    _no_metric,
    _of_candidate(contradiction),
    _base_contradiction,
    _changed_metric,
)
"""Those of live pairs, in order."""
