"""Rates and costs of the noisy search: ``PYTHONPATH=src python -m benchmarks.noisy_bisection``.

Run from the repository's root. Each search starts without a value and trains one seed at a time.
`right` is the share of searches that name the commit that lost (of none, where nothing changed);
`wrong` is the share that names another one. The constants of the search were chosen on the section
`tuned` with other seeds; the distributions, histories and priors of `others` were used for nothing
but the report.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

import click
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, stdtrit

from pytest_mlregress.statistics.bisection_baseline import trainings_of_git_bisect
from pytest_mlregress.statistics.noisy_bisection import (
    BisectionProblem,
    NamedCommit,
    NoneWorse,
    next_step,
)

Floats: TypeAlias = NDArray[np.float64]
Metric: TypeAlias = Callable[[float, np.random.Generator], float]

SEEDS_A_STEP = (5, 20)


def normal(z: float, _: np.random.Generator) -> float:
    """A metric with SD 1."""
    return z


def heavy(z: float, generator: np.random.Generator) -> float:
    """t with 3 degrees of freedom, scaled to SD 1, and 2 % diverged seeds."""
    if generator.random() < 0.02:
        return -30.0
    return float(stdtrit(3.0, ndtr(z))) / 3.0**0.5


def skewed(z: float, _: np.random.Generator) -> float:
    """An accuracy of about 0.95 with a long bad tail, scaled to SD 1."""
    return float(expit(3.0 + z)) / 0.0447


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A history and its seeds. Sizes are in standard deviations of the seeds."""

    name: str
    commits: int = 16
    loss: float = 0.0
    gains: int = 0
    rho: float = 0.0
    metric: Metric = normal
    misleading: bool = False
    budget: int = 200
    batch: int = 1

    def changes(self, generator: np.random.Generator) -> tuple[Floats, int]:
        """What each commit changes, shape (commits,), and the one that loses."""
        changed = generator.permutation(self.commits)
        effects = np.zeros(self.commits)
        effects[changed[0]] = -self.loss
        effects[changed[1 : 1 + self.gains]] = self.loss
        return effects, int(changed[0])


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one search ended."""

    right: bool
    wrong: bool
    none_worse: bool
    trainings: int
    by_git: tuple[bool, ...] = field(default=())


TUNED = [
    Scenario(name=f"{loss:g} SD, rho {rho:g}", loss=loss, rho=rho)
    for rho in (0.0, 0.9)
    for loss in (1.0, 2.0)
] + [Scenario(name=f"nothing changed, rho {rho:g}", rho=rho) for rho in (0.0, 0.9)]

OTHERS = [
    Scenario(name="12 commits, 2 gains, rho 0", commits=12, loss=1.0, gains=2),
    Scenario(name="12 commits, 3 gains, rho 0.9", commits=12, loss=1.0, gains=3, rho=0.9),
    Scenario(name="t3, 2 % diverged, 2 SD", loss=2.0, metric=heavy),
    Scenario(name="t3, 2 % diverged, none", metric=heavy),
    Scenario(name="skewed accuracy, 2 SD", loss=2.0, metric=skewed),
    Scenario(name="skewed accuracy, none", metric=skewed),
    Scenario(name="misleading prior, 2 SD", loss=2.0, misleading=True),
    Scenario(name="200 commits, 2 SD, rho 0.5", commits=200, loss=2.0, rho=0.5),
    Scenario(name="4 workers, 1 SD, rho 0.5", loss=1.0, rho=0.5, batch=4),
]


class Trainings:
    """The values of all states and seeds, drawn when they are asked for."""

    def __init__(self, scenario: Scenario, effects: Floats, generator: np.random.Generator) -> None:
        self.scenario = scenario
        self.levels = np.concatenate(([0.0], np.cumsum(effects)))
        self.generator = generator
        self.of_seed: dict[int, float] = {}

    def value(self, state: int, seed: int) -> float:
        """One training."""
        rho = self.scenario.rho
        common = self.of_seed.setdefault(seed, float(self.generator.standard_normal()))
        z = rho**0.5 * common + (1.0 - rho) ** 0.5 * float(self.generator.standard_normal())
        return float(self.levels[state]) + self.scenario.metric(z, self.generator)

    def git_bisect(self, seeds: int) -> int:
        """The commit that `git bisect run` names if each step compares a mean of so many seeds.

        Its threshold is halfway between the means of GOOD and BAD.
        """

        def mean_of(state: int) -> float:
            return float(np.mean([self.value(state, seed) for seed in range(seeds)]))

        good, bad = 0, self.levels.size - 1
        threshold = 0.5 * (mean_of(good) + mean_of(bad))
        while bad - good > 1:
            middle = (good + bad) // 2
            if mean_of(middle) < threshold:
                bad = middle
            else:
                good = middle
        return bad - 1


def search(scenario: Scenario, replication: int, first_seed: int) -> Outcome:
    """One search from its first training to its answer."""
    generator = np.random.default_rng([first_seed, replication, len(scenario.name)])
    effects, culprit = scenario.changes(generator)
    trainings = Trainings(scenario, effects, generator)
    n = scenario.commits
    prior = np.ones(n)
    if scenario.misleading:
        prior[generator.choice(np.delete(np.arange(n), culprit), 2, replace=False)] = 50.0
    problem = BisectionProblem(
        contains=np.tril(np.ones((n + 1, n), dtype=np.bool_), -1),
        prior=prior,
        budget=scenario.budget,
    )
    observations: dict[int, dict[int, float]] = {}
    while True:
        step = next_step(problem, observations, batch=scenario.batch)
        if step.answer is not None:
            break
        for state, seed in step.next:
            observations.setdefault(state, {})[seed] = trainings.value(state, seed)
    named = step.answer if isinstance(step.answer, NamedCommit) else None
    is_culprit = named is not None and scenario.loss > 0.0 and culprit in named.candidates
    return Outcome(
        right=is_culprit if scenario.loss > 0.0 else named is None,
        wrong=named is not None and not is_culprit,
        none_worse=isinstance(step.answer, NoneWorse),
        trainings=step.trainings,
        by_git=tuple(trainings.git_bisect(seeds) == culprit for seeds in SEEDS_A_STEP),
    )


def table(
    scenarios: list[Scenario], replications: int, workers: int, first_seed: int
) -> Iterator[str]:
    """One line per scenario."""
    git = "".join(f"{f'git, {seeds} seeds a step':>26}" for seeds in SEEDS_A_STEP)
    yield f"{'':<30}{'right':>13} {'wrong':>6} {'none':>6} {'trainings (half, 90 %)':>24}{git}"
    with ProcessPoolExecutor(workers) as pool:
        for scenario in scenarios:
            started = time.perf_counter()
            run = partial(search, scenario, first_seed=first_seed)
            outcomes = list(pool.map(run, range(replications)))
            yield _line(scenario, outcomes) + f"   {time.perf_counter() - started:.0f} s"


def _line(scenario: Scenario, outcomes: list[Outcome]) -> str:
    right = float(np.mean([outcome.right for outcome in outcomes]))
    error = (right * (1.0 - right) / len(outcomes)) ** 0.5
    half, most = np.percentile([outcome.trainings for outcome in outcomes], (50, 90))
    line = f"{scenario.name:<30}{right:>7.3f} ({error:.3f})"
    line += f" {np.mean([outcome.wrong for outcome in outcomes]):>5.3f}"
    line += f" {np.mean([outcome.none_worse for outcome in outcomes]):>6.3f}"
    line += f" {f'{half:.0f}, {most:.0f}':>23} "
    if scenario.loss > 0.0:
        for position, seeds in enumerate(SEEDS_A_STEP):
            rate = np.mean([outcome.by_git[position] for outcome in outcomes])
            spent = trainings_of_git_bisect(scenario.commits, seeds)
            line += f"{f'{rate:.3f} in {spent}':>26}"
    return line


SECTIONS = {"tuned": TUNED, "others": OTHERS}


@click.command(help=__doc__)
@click.option("--replications", default=100, show_default=True, type=click.IntRange(min=1))
@click.option("--only", type=click.Choice(tuple(SECTIONS)), help="One table.")
@click.option("--match", default="", help="Scenarios whose names contain this.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(min=1))
@click.option("--first-seed", default=7, show_default=True)
@click.option("--budget", default=200, show_default=True, help="The most trainings of a search.")
def main(
    replications: int, only: str | None, match: str, workers: int, first_seed: int, budget: int
) -> None:
    """Print the tables."""
    for name, scenarios in SECTIONS.items():
        if only in (None, name):
            chosen = [replace(found, budget=budget) for found in scenarios if match in found.name]
            for line in table(chosen, replications, workers, first_seed):
                click.echo(line)


if __name__ == "__main__":
    main()
