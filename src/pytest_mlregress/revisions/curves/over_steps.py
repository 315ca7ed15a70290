"""A metric against the training steps, from the learning curve of the same name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.revisions.curves.result import PART, CurveResult, chosen_metric
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.statistics.sample_efficiency import curve_band, share_to_reach

if TYPE_CHECKING:
    from pytest_mlregress.revisions.cells.suite import SuiteTest


def curve_over_steps(
    test: SuiteTest,
    results: Sequence[SeedResult],
    fractions: Sequence[float],
    *,
    metric: str | None,
    curve: str | None,
    notes: Sequence[str],
) -> CurveResult:
    """The learning curve of a metric with its band.

    Args:
        test: the test.
        results: of seeds that passed, at least one.
        fractions: the shares of the steps that the table shows.
        metric: the metric; None for the only one.
        curve: the learning curve; None for the one of the metric's name.
        notes: what is known already.

    Returns:
        The curve.

    Raises:
        CommandError: there is no such metric or curve, or it has fewer than two common steps.
    """
    import numpy as np

    recorded = chosen_metric(results, metric, test.test)
    name = curve or recorded.name
    points = {
        result.seed: [(s, v) for s, v in result.curves.get(name, ()) if math.isfinite(v)]
        for result in results
    }
    points = {seed: found for seed, found in points.items() if len(found) > 1}
    if not points:
        raise CommandError(_no_curve(test.test, results, recorded.name, curve))
    first = max(found[0][0] for found in points.values())
    last = min(found[-1][0] for found in points.values())
    steps = sorted({s for found in points.values() for s, _ in found if first <= s <= last})
    if len(steps) < 2 or last <= 0:
        raise CommandError(
            f"curve {name!r} of {test.test}: its seeds have no two steps in common above 0; log "
            "every seed at the same steps"
        )
    at_steps = np.array([_at(steps, found) for found in points.values()])
    asked = [max(fraction, first / last) for fraction in fractions]
    table = np.array([np.interp(np.multiply(asked, last), steps, row) for row in at_steps])
    shares = [step / last for step in steps]
    left_out = len(results) - len(points)
    return CurveResult(
        test=test.test,
        tier=test.tier,
        metric=recorded.name,
        curve=name,
        over="steps",
        higher_is_better=recorded.higher_is_better,
        seeds=tuple(points),
        last_step=float(last),
        table=curve_band(asked, table),
        line=curve_band(shares, at_steps),
        reached=share_to_reach(
            shares, at_steps, higher_is_better=recorded.higher_is_better, part=PART
        ),
        notes=(
            *notes,
            *([f"seeds without two finite points of {name!r}: {left_out}"] if left_out else ()),
        ),
    )


def _at(steps: Sequence[int], points: Sequence[tuple[int, float]]) -> Any:
    """A curve at those steps, of length p, by lines between its points."""
    import numpy as np

    own, values = zip(*points, strict=True)
    return np.interp(steps, np.array(own, dtype=float), np.array(values))


def _no_curve(test: str, results: Sequence[SeedResult], metric: str, curve: str | None) -> str:
    logged = sorted({name for result in results for name in result.curves})
    if not logged:
        return (
            f"{test} logs no learning curve; call mlregress.log(step, {metric}=...) while it "
            "trains, or draw over data: --over data"
        )
    names = ", ".join(logged)
    if curve is not None:
        return f"--curve {curve}: {test} logs no such curve; it has {names}"
    return (
        f"{test} logs no curve of the name {metric!r}, that of the metric; choose one with "
        f"--curve: {names}"
    )
