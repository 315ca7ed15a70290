"""Rates and seeds of an ablation of two changes: ``PYTHONPATH=src python -m benchmarks.ablate``.

Run from the repository's root. Four cells train the same seeds, look by look, until each change
alone and with the other has lost or is safe. `named` is what the case is about: the joint loss of
both changes, the loss that is hidden and by what, or the change that loses. `false` is the share of
ablations that name a loss that is not there. No constant was chosen on these cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import click
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, stdtrit

from pytest_mlregress.statistics.factorial import factorial_effects
from pytest_mlregress.statistics.factorial_designs import CellKey, full_design
from pytest_mlregress.statistics.factorial_looks import factorial_looks, next_seeds
from pytest_mlregress.statistics.factorial_results import FactorialEffects

NAMES = ("A", "B")
BOTH = frozenset(NAMES)
Levels = Callable[[CellKey], float]
Naming = Callable[[FactorialEffects], bool]

METRICS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "normal": lambda z: z,
    "t3": lambda z: stdtrit(3.0, ndtr(z)) / 3.0**0.5,
    "skewed accuracy": lambda z: expit(3.0 + z) / 0.0447,
}


@dataclass(frozen=True, slots=True)
class Case:
    """What the cells' levels are, in standard deviations, and what an ablation should say."""

    name: str
    levels: Levels
    named: Naming
    losing: frozenset[str] = frozenset()


def _hidden(by: str, hidden: str) -> Naming:
    return lambda found: any(m.hidden == hidden and m.by == (by,) for m in found.masks)


def cases(loss: float) -> list[Case]:
    """The cases with a loss of that size."""
    return [
        Case(
            "only A and B together lose",
            lambda cell: -loss * (cell == BOTH),
            lambda found: [joint.changes for joint in found.joint_losses] == [NAMES],
            BOTH,
        ),
        Case(
            "A loses, B hides it",
            lambda cell: -loss * (cell == {"A"}),
            _hidden("B", "A"),
            frozenset("A"),
        ),
        Case(
            "A gains what B loses",
            lambda cell: loss * (("A" in cell) - ("B" in cell)),
            _hidden("A", "B"),
            frozenset("B"),
        ),
        Case(
            "A loses",
            lambda cell: -loss * ("A" in cell),
            lambda found: found.losing == ("A",),
            frozenset("A"),
        ),
    ]


NOTHING = Case("nothing changed", lambda _: 0.0, lambda found: not found.losing)


def ablate(
    case: Case, rho: float, metric: str, most_seeds: int, generator: np.random.Generator
) -> tuple[FactorialEffects, int]:
    """One ablation, and the seeds per cell that it takes."""
    cells = full_design(NAMES)
    common = generator.standard_normal(most_seeds)
    values = {}
    for cell in cells:
        own = generator.standard_normal(most_seeds)
        seeds = METRICS[metric](rho**0.5 * common + (1.0 - rho) ** 0.5 * own)
        values[cell] = dict(enumerate((case.levels(cell) + seeds).tolist()))
    looks = factorial_looks(len(NAMES), most_seeds=most_seeds)
    n: int | None = looks[0].seeds
    while n is not None:
        look = next(look for look in looks if look.seeds == n)
        seen = {cell: {seed: of[seed] for seed in range(n)} for cell, of in values.items()}
        found = factorial_effects(
            seen, higher_is_better=True, margin=None, look=look, most_seeds=most_seeds
        )
        n = next_seeds(found, looks)
    return found, look.seeds


def table(
    replications: int, rhos: tuple[float, ...], metric: str, most: int, match: str
) -> Iterator[str]:
    """One line per case."""
    yield f"{metric}, at most {most} seeds in each of 4 cells: rate (SE), seeds per cell"
    yield f"{'':<40}{'named':>14}{'false':>14}{'half':>6}{'90 %':>6}{'trainings':>11}"
    chosen = [(NOTHING, 0.0)] + [(case, loss) for loss in (1.0, 2.0) for case in cases(loss)]
    chosen = [(case, loss) for case, loss in chosen if match in f"{loss:g} SD, {case.name}"]
    for rho, (case, loss) in product(rhos, chosen):
        generator = np.random.default_rng([5, int(100 * rho), int(loss), len(case.name)])
        ends = [ablate(case, rho, metric, most, generator) for _ in range(replications)]
        named = float(np.mean([case.named(found) for found, _ in ends]))
        false = float(np.mean([bool(set(found.losing) - case.losing) for found, _ in ends]))
        half, many = np.percentile([seeds for _, seeds in ends], (50, 90))
        rates = "".join(
            f"{f'{rate:.3f} ({(rate * (1.0 - rate) / replications) ** 0.5:.3f})':>14}"
            for rate in (named, false)
        )
        title = f"rho {rho:g}, {f'{loss:g} SD, ' if loss else ''}{case.name}"
        yield f"{title:<40}{rates}{half:>6.0f}{many:>6.0f}{4.0 * half:>11.0f}"


@click.command(help=__doc__)
@click.option("--replications", default=100, show_default=True, type=click.IntRange(min=1))
@click.option("--metric", default="normal", show_default=True, type=click.Choice(tuple(METRICS)))
@click.option("--rho", "rhos", multiple=True, type=float, default=(0.0, 0.9), show_default=True)
@click.option("--most-seeds", default=34, show_default=True, type=click.IntRange(min=2))
@click.option("--match", default="", help="Cases whose names contain this.")
def main(
    replications: int, metric: str, rhos: tuple[float, ...], most_seeds: int, match: str
) -> None:
    """Print the table."""
    for line in table(replications, rhos, metric, most_seeds, match):
        click.echo(line)


if __name__ == "__main__":
    main()
