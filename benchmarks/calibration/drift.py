"""Slow decay through accepted updates, and one unlucky baseline judged many times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.calibration.distributions import Floats
from benchmarks.calibration.drift_gate import gate
from benchmarks.calibration.measures import Measure, Section
from pytest_mlregress.statistics.batched_pvalues import harm_pvalues
from pytest_mlregress.statistics.drift import DRIFT_LEVEL
from pytest_mlregress.verdicts.confirmation import CONFIRMATION_LEVEL, LEAST_FRESH_SEEDS

N_BASELINE = 20
UPDATES = 50
COMMITS = 200
CHECK_SEEDS = 5
ALPHA = 0.01

#: The budget of an update, in the anchor's standard deviations: the product's "1sd".
BUDGET_SD = 1.0

#: What every update of a decaying project loses, in standard deviations.
STEPS = (0.05, 0.1, 0.2, 0.5)

RELABELLINGS = 2_000


@dataclass(frozen=True, slots=True)
class Project:
    """Many projects side by side: what each has truly lost, its anchor and latest baseline."""

    lost: Floats
    anchor: Floats
    latest: Floats


def run(projects: int) -> list[Section]:
    """The decay that the update gate lets through, and false reds of unchanged commits."""
    return [_decay(projects), *gate(projects), _unchanged(projects)]


def _decay(projects: int) -> Section:
    rows = []
    for step in STEPS:
        anchored = _lost_after_updates(projects, step, anchored=True)
        latest_only = _lost_after_updates(projects, step, anchored=False)
        rows.append(
            (
                f"{step} SD lost per update",
                (
                    Measure(float(np.quantile(anchored, 0.5)), style=".2f"),
                    Measure(float(np.quantile(anchored, 0.95)), 1.0, style=".2f"),
                    Measure(float(np.quantile(latest_only, 0.95)), style=".2f"),
                ),
            )
        )
    return Section(
        f"Decay (SD) accepted over {UPDATES} updates of {projects} projects",
        ("median", "95th percentile", "95th without anchor"),
        tuple(rows),
        "95th percentile at most 1 SD",
        (
            "A refused update is reverted, and the next one tries again.",
            f"One look at {N_BASELINE} seeds, which excludes a loss of {BUDGET_SD:g} SD against "
            f"the anchor at level {DRIFT_LEVEL}.",
        ),
    )


def _lost_after_updates(projects: int, step: float, *, anchored: bool) -> Floats:
    generator = np.random.default_rng(13)
    first = generator.normal(size=(projects, N_BASELINE))
    state = Project(np.zeros(projects), first, first)
    for _ in range(UPDATES):
        lost = state.lost + step
        fresh = generator.normal(size=first.shape) - lost[:, None]
        accepted = _harm(state.latest, fresh) > ALPHA
        if anchored:
            accepted &= _safety(state.anchor, fresh) <= DRIFT_LEVEL
        state = Project(
            np.where(accepted, lost, state.lost),
            state.anchor,
            np.where(accepted[:, None], fresh, state.latest),
        )
    return state.lost


def _unchanged(projects: int) -> Section:
    generator = np.random.default_rng(17)
    baseline = generator.normal(size=(projects, N_BASELINE))
    single = np.zeros(projects)
    confirmed = np.zeros(projects)
    for _ in range(COMMITS):
        red = _harm(baseline, generator.normal(size=(projects, CHECK_SEEDS))) <= ALPHA
        single += red
        again = np.flatnonzero(red)
        if again.size:
            before, now = generator.normal(size=(2, again.size, LEAST_FRESH_SEEDS))
            confirmed[again] += _harm(before, now) <= CONFIRMATION_LEVEL
    return Section(
        f"False reds in {COMMITS} unchanged commits against one baseline, alpha {ALPHA}",
        ("mean", "95th percentile", "99th percentile"),
        (
            ("one test", _counts(single, None)),
            ("confirmed on fresh seeds of both sides", _counts(confirmed, 10.0)),
        ),
        "99th percentile with confirm at most 10",
        (
            "Commits that are judged by the same unlucky baseline are wrong together: the mean "
            "keeps alpha, the worst projects do not.",
        ),
    )


def _counts(reds: Floats, limit: float | None) -> tuple[Measure, ...]:
    return (
        Measure(float(reds.mean()), style=".2f"),
        Measure(float(np.quantile(reds, 0.95)), style=".0f"),
        Measure(float(np.quantile(reds, 0.99)), limit, style=".0f"),
    )


def _harm(baseline: Floats, candidate: Floats) -> Floats:
    return harm_pvalues(baseline, candidate, max_relabellings=RELABELLINGS)


def _safety(anchor: Floats, candidate: Floats) -> Floats:
    """p-values for: a loss of the budget, in the anchor's standard deviations, is excluded."""
    granted = candidate + BUDGET_SD * anchor.std(axis=1, ddof=1)[:, None]
    return harm_pvalues(-anchor, -granted, max_relabellings=RELABELLINGS)
