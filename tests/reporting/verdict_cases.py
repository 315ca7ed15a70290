"""Verdicts of every kind, on samples small enough to check by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.statistics.comparison import compare
from pytest_mlregress.statistics.one_sided_tests import ComparisonTest
from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict, VerdictKind

BASELINE = dict(enumerate([0.93, 0.935, 0.928, 0.931, 0.934, 0.929, 0.932, 0.936, 0.93, 0.933]))
WORSE = {0: 0.887, 1: 0.89, 2: 0.885, 3: 0.889, 4: 0.886}
SAME = {0: 0.931, 1: 0.934, 2: 0.929, 3: 0.933, 4: 0.93}


def judged(
    name: str = "accuracy",
    candidate: Mapping[int, float] = WORSE,
    *,
    baseline: Mapping[int, float] = BASELINE,
    higher_is_better: bool = True,
    margin: float | str = 0.01,
    alpha: float = 0.01,
    test: ComparisonTest = "robust-t",
    **fields: Any,
) -> MetricVerdict:
    """A metric with the comparison that the statistics give it."""
    comparison = compare(
        list(baseline.values()),
        list(candidate.values()),
        higher_is_better=higher_is_better,
        margin=margin,
        alpha=alpha,
        test=test,
    )
    return MetricVerdict(
        name=name,
        kind=fields.pop("kind", VerdictKind(comparison.verdict)),
        higher_is_better=higher_is_better,
        declared=margin,
        recorded_margin=margin,
        alpha=alpha,
        baseline=baseline,
        candidate=candidate,
        comparison=comparison,
        **fields,
    )


def unjudged(kind: VerdictKind, name: str = "accuracy", **fields: Any) -> MetricVerdict:
    """A metric that was compared with nothing."""
    return MetricVerdict(
        name=name, kind=kind, higher_is_better=True, declared=0.01, alpha=0.01, **fields
    )


def seed_results(
    metrics: Sequence[MetricVerdict], planned: Sequence[int] = range(5), **by_seed: SeedResult
) -> tuple[SeedResult, ...]:
    """What the seeds reported, one and a half seconds each."""
    return tuple(
        by_seed.get(f"seed{seed}")
        or SeedResult(
            seed,
            "finished",
            tuple(
                RecordedMetric(m.name, m.candidate[seed], m.higher_is_better, m.declared)
                for m in metrics
                if seed in m.candidate
            ),
            duration=1.5,
        )
        for seed in planned
    )


def verdict(
    kind: VerdictKind,
    *metrics: MetricVerdict,
    colour: Colour | None = None,
    test: str = "tests/test_digits.py::test_digits",
    **fields: Any,
) -> Verdict:
    """A test of five seeds."""
    fields = {
        "tier": "default",
        "seeds": seed_results(metrics),
        "planned": tuple(range(5)),
        "selected": tuple(range(5)),
        "decided_after": 5,
    } | fields
    return Verdict(test=test, kind=kind, colour=colour or COLOURS[kind], metrics=metrics, **fields)


COLOURS = {
    VerdictKind.IDENTICAL: Colour.GREEN,
    VerdictKind.PASS: Colour.GREEN,
    VerdictKind.IMPROVEMENT: Colour.GREEN,
    VerdictKind.RECORDED: Colour.GREEN,
    VerdictKind.SKIPPED: Colour.GREEN,
    VerdictKind.MINOR: Colour.YELLOW,
    VerdictKind.INCONCLUSIVE: Colour.YELLOW,
    VerdictKind.UNAFFORDABLE: Colour.YELLOW,
    VerdictKind.NO_BASELINE: Colour.RED,
    VerdictKind.INCOMPARABLE: Colour.RED,
    VerdictKind.REFUSED: Colour.RED,
    VerdictKind.INCOMPLETE: Colour.RED,
    VerdictKind.REGRESSION: Colour.RED,
    VerdictKind.DIVERGED: Colour.RED,
}


def regression(**fields: Any) -> Verdict:
    """One metric regressed, one did not."""
    loss = judged(
        "loss",
        {seed: 1 - value for seed, value in SAME.items()},
        baseline={seed: 1 - value for seed, value in BASELINE.items()},
        higher_is_better=False,
        margin=0.008,
    )
    fields = {
        "next_steps": (
            "see it again: pytest tests/test_digits.py::test_digits -n 2",
            "if it is meant: pytest tests/test_digits.py::test_digits --mlregress-update",
        ),
        "environment": ("torch 2.12.0 -> 2.13.0", "threads 4 -> 1"),
        "baseline_commit": "c42af86",
    } | fields
    return verdict(VerdictKind.REGRESSION, judged(), loss, **fields)


def diverged(**fields: Any) -> Verdict:
    """One seed recorded NaN, one raised, one was not needed."""
    metric = judged(candidate={0: 0.93, 1: math.nan, 2: 0.93})
    seeds = seed_results(
        [metric],
        seed3=SeedResult(3, "failed", duration=0.25, message="RuntimeError: boom\nat train.py:7"),
        seed4=SeedResult(4, "cancelled", message="the verdict was certain"),
    )
    return verdict(VerdictKind.DIVERGED, metric, seeds=seeds, decided_after=4, **fields)


def inconclusive(**fields: Any) -> Verdict:
    """A loss that five seeds neither show nor exclude."""
    noisy = {0: 0.93, 1: 0.915, 2: 0.94, 3: 0.92, 4: 0.935}
    fields = {"next_steps": ("more seeds: pytest --mlregress-seeds=12",)} | fields
    return verdict(VerdictKind.INCONCLUSIVE, judged(candidate=noisy, margin=0.005), **fields)


def unaffordable(**fields: Any) -> Verdict:
    """The seeds cannot pay for the margin."""
    problem = (
        "5 seeds against 10 detect a loss of the margin (0.37 SD) with power 0.08;"
        " allowed is 0.8 and more. They detect 2.3 standard deviations with power 0.9"
    )
    metric = unjudged(
        VerdictKind.UNAFFORDABLE, baseline=BASELINE, candidate={0: 0.931}, reasons=(problem,)
    )
    command = "pytest tests/test_digits.py::test_digits"
    fields = {
        "seeds": seed_results(
            [metric], **{f"seed{s}": SeedResult(s, "cancelled") for s in range(1, 5)}
        ),
        "decided_after": 1,
        "reasons": (f"metric 'accuracy' with margin 0.001: {problem}",),
        "next_steps": (
            f"more seeds: {command} --mlregress-seeds=24",
            f"more baseline seeds: {command} --mlregress-update --mlregress-baseline-seeds=60",
            "a wider margin in the code: these seeds detect a loss of 0.006",
            f"a higher level: {command} --mlregress-alpha=0.2",
        ),
    } | fields
    return verdict(VerdictKind.UNAFFORDABLE, metric, **fields)


def minor(**fields: Any) -> Verdict:
    """A real loss, smaller than the margin."""
    slightly = {0: 0.926, 1: 0.925, 2: 0.9255, 3: 0.9265, 4: 0.925}
    return verdict(VerdictKind.MINOR, judged(candidate=slightly, margin=0.02), **fields)


def passed(**fields: Any) -> Verdict:
    """Unchanged."""
    return verdict(VerdictKind.PASS, judged(candidate=SAME), **fields)


def improvement(**fields: Any) -> Verdict:
    """Better than the baseline."""
    better = {0: 0.95, 1: 0.952, 2: 0.949, 3: 0.951, 4: 0.95}
    return verdict(VerdictKind.IMPROVEMENT, judged(candidate=better), **fields)


def incomparable(**fields: Any) -> Verdict:
    """The metric's version changed."""
    reason = "its version is 2 here and 1 in the baseline"
    metric = unjudged(
        VerdictKind.INCOMPARABLE, baseline=BASELINE, candidate=SAME, reasons=(reason,)
    )
    return verdict(VerdictKind.INCOMPARABLE, metric, **fields)


def no_baseline(**fields: Any) -> Verdict:
    """Never recorded."""
    fields = {
        "reasons": ("tests/__baselines__/test_digits/test_digits.default.json does not exist",),
        "next_steps": ("record it: pytest tests/test_digits.py::test_digits --mlregress-update",),
    } | fields
    metric = unjudged(VerdictKind.NO_BASELINE, candidate=SAME)
    return verdict(VerdictKind.NO_BASELINE, metric, **fields)


def incomplete(**fields: Any) -> Verdict:
    """Two of five seeds ran."""
    metric = unjudged(VerdictKind.INCOMPLETE, candidate={0: 0.93, 1: 0.934})
    fields = {
        "seeds": seed_results([metric], range(2)),
        "selected": (0, 1),
        "decided_after": 2,
        "reasons": ("2 of 5 seeds were selected",),
    } | fields
    return verdict(VerdictKind.INCOMPLETE, metric, **fields)


def refused(**fields: Any) -> Verdict:
    """An update from a dirty tree."""
    reasons = ("the working tree has uncommitted changes (--mlregress-allow-dirty records anyway)",)
    return verdict(
        VerdictKind.REFUSED,
        unjudged(VerdictKind.REFUSED, candidate=SAME),
        reasons=reasons,
        **fields,
    )


def recorded(**fields: Any) -> Verdict:
    """An update wrote it."""
    return verdict(VerdictKind.RECORDED, unjudged(VerdictKind.RECORDED, candidate=SAME), **fields)


def identical(**fields: Any) -> Verdict:
    """The first two seeds were bit-equal."""
    same = {0: BASELINE[0], 1: BASELINE[1]}
    metric = unjudged(VerdictKind.IDENTICAL, baseline=BASELINE, candidate=same)
    stopped = {f"seed{seed}": SeedResult(seed, "cancelled") for seed in (2, 3, 4)}
    fields = {"seeds": seed_results([metric], **stopped), "decided_after": 2} | fields
    return verdict(VerdictKind.IDENTICAL, metric, **fields)


def skipped(**fields: Any) -> Verdict:
    """The test skipped itself."""
    seeds = tuple(SeedResult(seed, "skipped", message="no GPU here") for seed in range(5))
    fields = {"seeds": seeds, "decided_after": 0, "reasons": ("no GPU here",)} | fields
    return verdict(VerdictKind.SKIPPED, **fields)


ONE_OF_EACH = (
    regression,
    diverged,
    inconclusive,
    unaffordable,
    minor,
    passed,
    improvement,
    incomparable,
    no_baseline,
    incomplete,
    refused,
    recorded,
    identical,
    skipped,
)


def a_run(*verdicts: Verdict, **fields: Any) -> RunReport:
    """A run of these tests, by default one of each kind."""
    every = tuple(case(test=f"tests/test_digits.py::test_{case.__name__}") for case in ONE_OF_EACH)
    fields = {
        "settings": {"alpha": 0.05, "seeds": 5},
        "comparisons": 5,
        "duration": 41.0,
        "started": "2026-01-02T03:04:05+00:00",
        "command": "pytest -m mlregress -n 2",
        "version": "0.1.0",
        "environment": {"python": "3.11.7", "torch": "2.13.0"},
    } | fields
    return RunReport(verdicts=verdicts or every, **fields)
