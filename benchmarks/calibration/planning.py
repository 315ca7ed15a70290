"""The planner's figures against simulations that it did not make."""

from __future__ import annotations

from benchmarks.calibration.distributions import NORMAL
from benchmarks.calibration.measures import Measure, Section, share
from benchmarks.calibration.trials import draw, sequential_outcome
from pytest_mlregress.statistics.planner import plan_metric
from pytest_mlregress.statistics.power import design_for_power, sequential_power
from pytest_mlregress.statistics.spread import Spread

SETTINGS: tuple[tuple[tuple[int, ...], int, float], ...] = (
    ((2, 5), 20, 0.05),
    ((2, 5), 20, 0.01),
    ((2, 5), 20, 0.001),
    ((3, 5), 20, 0.01),
    ((2, 4, 8), 20, 0.01),
    ((3, 6, 11), 20, 0.01),
    ((3, 6, 11), 20, 0.05),
    ((3, 5, 10), 10, 0.05),
    ((3, 5, 10), 10, 0.01),
    ((2, 5), 5, 0.05),
    ((2, 5), 40, 0.01),
    ((5,), 20, 0.01),
)

COLUMNS = (
    "loss (SD)",
    "power",
    "planned - power",
    "formula - power",
    "seeds",
    "planned / seeds - 1",
    "formula / seeds - 1",
)


def run(checks: int, settings: tuple[int, ...] = tuple(range(len(SETTINGS)))) -> list[Section]:
    """Power and expected seeds at the automatic margin, twelve designs on normal seeds."""
    rows = []
    for number in settings:
        looks, n_baseline, alpha = SETTINGS[number]
        rows.append(
            (f"{n_baseline}v{looks} at {alpha}", _compared(looks, n_baseline, alpha, checks))
        )
    return [
        Section(
            "The planner against simulation",
            COLUMNS,
            tuple(rows),
            "planned (simulated) power within 0.03, expected seeds within 0.03 of simulation",
        )
    ]


def _compared(
    looks: tuple[int, ...], n_baseline: int, alpha: float, checks: int
) -> tuple[Measure, ...]:
    unit = Spread(1.0, 1.0, lower_bound=False)
    plan = plan_metric(unit, looks, n_baseline=n_baseline, alpha=alpha, simulated=True)
    design, loss = design_for_power(looks, n_baseline=n_baseline, alpha=alpha)
    trials = draw(NORMAL, (n_baseline, looks[-1]), checks, loss_sd=loss, seed=5)
    red, used = sequential_outcome(trials, design)
    power, seeds = float(red.mean()), float(used.mean())
    formula_power, formula_seeds = sequential_power(design, loss, n_baseline=n_baseline)
    return (
        Measure(loss, style=".2f"),
        share(red),
        Measure(abs(plan.power - power), 0.03),
        Measure(abs(formula_power - power)),
        Measure(seeds, style=".2f"),
        Measure(abs(plan.expected_seeds_at_margin / seeds - 1.0), 0.03),
        Measure(abs(formula_seeds / seeds - 1.0)),
    )
