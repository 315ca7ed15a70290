"""The gate of an update: what it accepts of unchanged trainings, and of a loss of the budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.special import stdtr

from benchmarks.calibration.distributions import Floats
from benchmarks.calibration.measures import Measure, Section
from pytest_mlregress.statistics.batched_pvalues import harm_pvalues
from pytest_mlregress.statistics.drift import drift_budget, drift_levels

ANCHORS: Final = (20, 40)
LOOKS: Final = (20, 40, 60)
TRIES: Final = 100
_LEAST: Final = {20: 0.88, 40: 0.97}
RELABELLINGS: Final = 4_000

_METRICS: Final[dict[str, Callable[[np.random.Generator, tuple[int, ...]], Floats]]] = {
    "normal": lambda generator, shape: generator.normal(size=shape),
    "lognormal loss": lambda generator, shape: -generator.lognormal(sigma=0.6, size=shape),
}
_SD: Final = {"normal": 1.0, "lognormal loss": float(np.sqrt((np.exp(0.36) - 1) * np.exp(0.36)))}

_PValues = Callable[[Floats, Floats], Floats]


def gate(projects: int) -> list[Section]:
    """One try against an anchor, and many tries of one loss against the same anchor."""
    return [_one_try(projects), _many_tries(projects)]


def _one_try(projects: int) -> Section:
    rows = []
    for metric in _METRICS:
        for n_anchor in ANCHORS:
            least, most = (_LEAST[n_anchor], 0.015) if metric == "normal" else (None, None)
            unchanged, seeds = accepted(metric, n_anchor, 0.0, projects)
            lost, _ = accepted(metric, n_anchor, 1.0, projects)
            rows.append(
                (
                    f"{metric}, anchor of {n_anchor}",
                    (
                        Measure(unchanged, least, "at least", _error(unchanged, projects), ".1%"),
                        Measure(seeds, style=".0f"),
                        Measure(lost, most, error=_error(lost, projects), style=".2%"),
                    ),
                )
            )
    return Section(
        f"Updates accepted by the gate, looks at {LOOKS} fresh seeds, {projects} tries",
        ("unchanged", "fresh seeds", "true loss of 1 SD"),
        tuple(rows),
        "normal: a loss at most 1.5 %; unchanged at least 97 % (anchor of 40) and 88 % (20)",
    )


def accepted(metric: str, n_anchor: int, loss: float, projects: int) -> tuple[float, float]:
    """The share of first tries that is accepted, and the mean number of fresh seeds."""
    generator = np.random.default_rng(23)
    draw = _METRICS[metric]
    anchor = draw(generator, (projects, n_anchor))
    fresh = draw(generator, (projects, LOOKS[-1])) - loss * _SD[metric]
    look = _accepting_look(anchor, fresh, 0, _permutation)
    seeds = np.where(look < len(LOOKS), np.take((*LOOKS, LOOKS[-1]), look), LOOKS[-1])
    return float((look < len(LOOKS)).mean()), float(seeds.mean())


def _many_tries(projects: int) -> Section:
    rows = []
    for n_anchor in ANCHORS:
        any_accepted, unchanged = tries(n_anchor, projects)
        rows.append(
            (
                f"anchor of {n_anchor}",
                (
                    Measure(any_accepted, 0.05, error=_error(any_accepted, projects), style=".1%"),
                    Measure(unchanged[0], style=".1%"),
                    Measure(unchanged[1], style=".1%"),
                ),
            )
        )
    return Section(
        f"{TRIES} tries of a loss of 1 SD against one anchor, normal, {projects} anchors",
        ("any accepted", "unchanged after 9 refusals", f"after {TRIES - 1}"),
        tuple(rows),
        "any of them accepted at most 5 %",
        ("Welch's test in the place of the permutation test, whose p-values are too coarse here.",),
    )


def tries(n_anchor: int, projects: int) -> tuple[float, tuple[float, float]]:
    """The share of anchors that accept any of the lossy tries, and of unchanged ones after that."""
    generator = np.random.default_rng(29)
    anchor = generator.normal(size=(projects, n_anchor))
    passed = np.zeros(projects, dtype=bool)
    for refused in range(TRIES):
        fresh = generator.normal(size=(projects, LOOKS[-1])) - 1.0
        passed |= _accepting_look(anchor, fresh, refused, _welch) < len(LOOKS)
    unchanged = []
    for refused in (9, TRIES - 1):
        fresh = generator.normal(size=(projects, LOOKS[-1]))
        look = _accepting_look(anchor, fresh, refused, _welch)
        unchanged.append(float((look < len(LOOKS)).mean()))
    return float(passed.mean()), (unchanged[0], unchanged[1])


def _accepting_look(anchor: Floats, fresh: Floats, refused: int, pvalues: _PValues) -> Floats:
    """The first look, from 0, that accepts each row; the number of looks where none does."""
    budget = np.array([drift_budget(row) for row in anchor])[:, None]
    levels = drift_levels(LOOKS, anchor.shape[1], refused)
    found = np.full(len(anchor), len(LOOKS))
    for look, (n, level) in reversed(list(enumerate(zip(LOOKS, levels, strict=True)))):
        found[pvalues(anchor, fresh[:, :n] + budget) <= level] = look
    return found


def _permutation(anchor: Floats, granted: Floats) -> Floats:
    return harm_pvalues(-anchor, -granted, max_relabellings=RELABELLINGS)


def _welch(anchor: Floats, granted: Floats) -> Floats:
    n, m = granted.shape[1], anchor.shape[1]
    parts = granted.var(axis=1, ddof=1) / n, anchor.var(axis=1, ddof=1) / m
    total = parts[0] + parts[1]
    df = total**2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1))
    difference = granted.mean(axis=1) - anchor.mean(axis=1)
    return np.asarray(stdtr(df, -difference / np.sqrt(total)))


def _error(share: float, projects: int) -> float:
    return float(np.sqrt(max(share, 1 / projects) * (1 - share) / projects))
