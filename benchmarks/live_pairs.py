"""Error rates and powers of live pairs: ``PYTHONPATH=src python -m benchmarks.live_pairs``.

Run from the repository's root. Pairs are drawn by a Gaussian copula, so that both sides have one
distribution at any correlation. Only the normal distribution was used to choose constants. A rate
is marked with ``!`` if it exceeds its level by more than three standard errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import click
import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, expit, ndtr, stdtr
from scipy.stats import binom

from pytest_mlregress.statistics.batched_pvalues import harm_pvalues
from pytest_mlregress.statistics.live_pairs import plan_live_pairs
from pytest_mlregress.statistics.pair_design import LEAST_PAIRS_TO_REJECT
from pytest_mlregress.statistics.pair_levels import CLOSE_LINK, level_of_samples, pair_share
from pytest_mlregress.statistics.pairs_needed import pairs_for_level
from pytest_mlregress.statistics.relabellings import smallest_attainable_p

Floats = NDArray[np.float64]

RHOS = (0.0, 0.3, 0.5, 0.7, 0.9, 0.99)
ALPHAS = (0.05, 0.01, 0.0025)
PAIRS = (5, 8, 13, 20)
LOSSES = (0.5, 1.0, 1.5, 2.0)
RELABELLINGS = 13_000  # all of 8 pairs; drawn for more


def _two_modes(z: Floats) -> Floats:
    return np.where(ndtr(z) < 0.3, -2.0, 1.0) + 0.2 * z


def _heavy(z: Floats) -> Floats:
    return np.sinh(1.2 * z)


#: From correlated normal values to a metric, higher being better.
DISTRIBUTIONS: dict[str, Callable[[Floats], Floats]] = {
    "normal": lambda z: z,
    "skewed accuracy": lambda z: expit(3.0 + z),
    "lognormal loss": lambda z: -np.exp(0.6 * z),
    "heavy tails": _heavy,
    "two modes": _two_modes,
    "50 examples": lambda z: binom.ppf(ndtr(z), 50, 0.9) / 50,
}


@dataclass(frozen=True, slots=True)
class PairSamples:
    """p-values of many data sets of n pairs, each of shape (s,), small for a worse candidate."""

    n: int
    flips: Floats
    samples: Floats
    paired_t: Floats
    linked: Floats
    refined_flips: Floats
    refined_samples: Floats

    def both(self, alpha: float) -> NDArray[np.bool_]:
        """What `pair_pvalues` rejects at the level, with t-tests below the smallest exact p."""
        share = np.where(self.linked <= CLOSE_LINK * alpha, 1.0, pair_share(self.n))
        of_pairs = self.refined_flips <= share * alpha
        return of_pairs | (self.refined_samples <= level_of_samples(self.n, alpha))


def draw_pairs(
    generator: np.random.Generator, shape: tuple[int, int], rho: float, metric: str
) -> tuple[Floats, Floats]:
    """Base and candidate, each of that shape, with `rho` between the underlying normal values."""
    common, one, other = (generator.standard_normal(shape) for _ in range(3))
    linked, own = rho**0.5, (1.0 - rho) ** 0.5
    transform = DISTRIBUTIONS[metric]
    return transform(linked * common + own * one), transform(linked * common + own * other)


def evaluate(base: Floats, candidate: Floats) -> PairSamples:
    """All p-values of data sets in rows, as `pair_pvalues` has them one by one."""
    n = base.shape[1]
    differences = candidate - base
    flips = _flip_pvalues(differences)
    samples = harm_pvalues(base, candidate, max_relabellings=RELABELLINGS)
    mean = differences.mean(axis=1)
    ordered = np.sort(np.concatenate((base, candidate), axis=1), axis=1)
    gaps = np.diff(ordered, axis=1)
    largest = np.abs(ordered).max(axis=1, keepdims=True)
    step = np.where(gaps > 1e-12 * largest, gaps, np.inf).min(axis=1)
    blur = np.where(np.isfinite(step), step, 0.0) ** 2 / (6.0 * n)
    of_differences = differences.var(axis=1, ddof=1) / n
    of_samples = (base.var(axis=1, ddof=1) + candidate.var(axis=1, ddof=1)) / n
    sums = (base + candidate).var(axis=1, ddof=1) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        paired_t = np.nan_to_num(stdtr(n - 1.0, mean / np.sqrt(of_differences)), nan=1.0)
        blurred, blurred_samples = (
            np.nan_to_num(stdtr(n - 1.0, mean / np.sqrt(variance + blur)), nan=1.0)
            for variance in (of_differences, of_samples)
        )
        linked = betainc(0.5 * (n - 1), 0.5 * (n - 1), of_differences / (of_differences + sums))
    return PairSamples(
        n,
        flips,
        samples,
        paired_t,
        np.nan_to_num(linked, nan=1.0),
        _refined(flips, 0.5**n, blurred),
        _refined(samples, smallest_attainable_p(n, n), blurred_samples),
    )


def _refined(exact: Floats, smallest: float, by_t: Floats) -> Floats:
    return np.where(exact <= smallest * (1.0 + 1e-9), np.minimum(exact, by_t), exact)


def _flip_pvalues(differences: Floats) -> Floats:
    n = differences.shape[1]
    if n <= 13:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        generator = np.random.default_rng(n)
        signs = generator.choice((-1.0, 1.0), size=(RELABELLINGS, n))
        signs[0] = 1.0
    found = np.empty(len(differences))
    for start in range(0, len(differences), 200):
        block = differences[start : start + 200]
        sums = block @ signs.T
        tolerance = 1e-9 * np.abs(block).sum(axis=1, keepdims=True)
        found[start : start + 200] = (sums <= sums[:, :1] + tolerance).mean(axis=1)
    return found


def _count(n: int, replications: int) -> int:
    """Few pairs cost little, and their small levels need many replications."""
    return replications * {5: 20, 8: 2}.get(n, 1)


def false_reds(replications: int) -> Iterator[str]:
    """The largest rate over the correlations, by distribution, level and number of pairs."""
    yield "False reds of one look in % (largest over rho 0 ... .99, with its rho):"
    yield "  n  alpha    " + "".join(f"{name:>18}" for name in DISTRIBUTIONS)
    for n in PAIRS:
        found: dict[tuple[str, float], tuple[float, float]] = {}
        count = _count(n, replications)
        for metric, rho in product(DISTRIBUTIONS, RHOS):
            generator = np.random.default_rng([n, int(100 * rho), len(metric)])
            pairs = evaluate(*draw_pairs(generator, (count, n), rho, metric))
            for alpha in ALPHAS:
                rate = float(pairs.both(alpha).mean())
                found[metric, alpha] = max(found.get((metric, alpha), (0.0, rho)), (rate, rho))
        for alpha in ALPHAS:
            error = (alpha * (1.0 - alpha) / count) ** 0.5
            cells = ""
            for metric in DISTRIBUTIONS:
                rate, rho = found[metric, alpha]
                mark = "!" if rate > alpha + 3.0 * error else " "
                cells += f"{100 * rate:>11.3f} ({rho:g}){mark}"
            yield f"{n:>3}  {100 * alpha:<6g} {cells}   SE {100 * error:.3f}"


def powers(replications: int) -> Iterator[str]:
    """Power of the combination beside each test alone, on normal seeds."""
    yield "Power in % on normal seeds: both / two samples / sign flips / paired t, alone at alpha:"
    for n, alpha in product(PAIRS, ALPHAS):
        worst = (0.0, 0.0, 0.0)
        for rho in RHOS:
            generator = np.random.default_rng([n, int(100 * rho)])
            base, candidate = draw_pairs(generator, (_count(n, replications), n), rho, "normal")
            cells = []
            for loss in LOSSES:
                pairs = evaluate(base, candidate - loss)
                both = float(pairs.both(alpha).mean())
                alone = [
                    float((p <= alpha).mean()) for p in (pairs.samples, pairs.flips, pairs.paired_t)
                ]
                worst = min(worst, (both - max(alone[:2]), rho, loss))
                shown = " ".join(f"{100 * power:4.0f}" for power in (both, *alone))
                cells.append(f"{loss:g} SD {shown}")
            yield f"{n:>3} {100 * alpha:<5g} rho {rho:<4g} " + " | ".join(cells)
        yield (
            f"    both less the better of two samples and sign flips: {100 * worst[0]:.1f} points "
            f"at worst (rho {worst[1]:g}, {worst[2]:g} SD)"
        )


def whole_checks(replications: int) -> Iterator[str]:
    """Checks with all their looks, early stop and margins."""
    checks = max(replications // 4, 50)
    yield f"Whole checks with margin='auto', {checks} each: red % / green % / mean pairs"
    for n, alpha, rho, loss in product((5, 6, 8), (0.05, 0.0025), (0.0, 0.9), (0.0, 1.0)):
        check = plan_live_pairs(n, higher_is_better=True, alpha=alpha)
        generator = np.random.default_rng([n, int(100 * rho), int(loss)])
        base, candidate = draw_pairs(generator, (checks, n), rho, "normal")
        ends = [check.follow(*sides)[-1] for sides in zip(base, candidate - loss, strict=True)]
        red, green = (
            100.0 * np.mean([end.action == action for end in ends])
            for action in ("reject", "accept")
        )
        mean = np.mean([end.n_pairs for end in ends])
        yield (
            f"  N {n} alpha {100 * alpha:<5g} rho {rho:<4g} loss {loss:g} SD: "
            f"{red:5.1f} / {green:5.1f} / {mean:.2f}"
        )
    for alpha in ALPHAS:
        need = pairs_for_level(alpha)
        yield (
            f"  exact tests at {100 * alpha:g} %: sign flips from {need.sign_flips} pairs, two "
            f"samples from {need.two_samples}; t-tests from {LEAST_PAIRS_TO_REJECT}"
        )


RUNS = 200
TESTS = 20


def whole_suites(replications: int) -> Iterator[str]:
    """Runs of a suite whose tests do not reproduce their seeds, without a change."""
    runs = min(replications, RUNS)
    alpha = 0.05
    limit = alpha + 3.0 * (alpha * (1.0 - alpha) / runs) ** 0.5
    yield (
        f"{runs} runs of {TESTS} unchanged tests that do not reproduce their seeds, N = 5, "
        f"alpha {alpha:g} for the suite: any red (at most {100 * limit:.1f} %), pairs a test"
    )
    check = plan_live_pairs(5, higher_is_better=True, alpha=alpha / TESTS)
    for metric, rho in product(DISTRIBUTIONS, (0.0, 0.9)):
        generator = np.random.default_rng([runs, int(100 * rho), len(metric)])
        base, candidate = draw_pairs(generator, (runs * TESTS, 5), rho, metric)
        ends = [check.follow(*sides)[-1] for sides in zip(base, candidate, strict=True)]
        reds = np.reshape([end.action == "reject" for end in ends], (runs, TESTS))
        pairs = np.mean([end.n_pairs for end in ends])
        red = 100 * np.mean(reds.any(axis=1))
        yield f"  {metric:<16} rho {rho:<4g} {red:5.1f} %  {pairs:.2f} pairs"
    yield "  tests that do reproduce them are identical after 2 pairs (benchmarks/against.py)"


SECTIONS = {
    section.__name__: section for section in (false_reds, powers, whole_checks, whole_suites)
}


@click.command(help=__doc__)
@click.option("--replications", default=1000, show_default=True, type=click.IntRange(min=10))
@click.option("--only", type=click.Choice(tuple(SECTIONS)), help="One table.")
def main(replications: int, only: str | None) -> None:
    """Print all tables, or one."""
    for section in SECTIONS.values() if only is None else (SECTIONS[only],):
        start = time.perf_counter()
        for line in section(replications):
            click.echo(line)
        click.echo(f"  {time.perf_counter() - start:.0f} s\n")


if __name__ == "__main__":
    main()
