"""A metric against the training steps, from the learning curve of the same name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pytest_mlregress.plurals import count_of
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
    from_zero = steps[:2] == [0, 1]  # every step is logged: the first one done is step 0
    shares = [(step + from_zero) / (last + from_zero) for step in steps]
    asked = [max(fraction, shares[0]) for fraction in fractions]
    table = np.array([np.interp(asked, shares, row) for row in at_steps])
    left_out = [str(result.seed) for result in results if result.seed not in points]
    return CurveResult(
        test=test.test,
        tier=test.tier,
        metric=recorded.name,
        curve=name,
        over="steps",
        higher_is_better=recorded.higher_is_better,
        seeds=tuple(points),
        last_step=float(last),
        from_zero=from_zero,
        table=curve_band(asked, table),
        line=curve_band(shares, at_steps),
        reached=share_to_reach(
            shares, at_steps, higher_is_better=recorded.higher_is_better, part=PART
        ),
        notes=(
            *notes,
            *(f"seed {seed} is left out: no two finite points of {name!r}" for seed in left_out),
        ),
    )


def _at(steps: Sequence[int], points: Sequence[tuple[int, float]]) -> Any:
    """A curve at those steps, of length p, by lines between its points."""
    import numpy as np

    own, values = zip(*points, strict=True)
    return np.interp(steps, np.array(own, dtype=float), np.array(values))


def check_logged(test: str, result: SeedResult, metric: str | None, curve: str | None) -> None:
    """See from one seed whether there is a metric, and a curve to draw of it.

    Args:
        test: the test, for messages.
        result: of a seed that passed.
        metric: the metric; None for the only one.
        curve: the learning curve; None for the one of the metric's name.

    Raises:
        CommandError: there is none.
    """
    recorded = chosen_metric([result], metric, test)
    if (curve or recorded.name) not in result.curves:
        raise CommandError(_no_curve(test, [result], recorded.name, curve))


def _too_few_points(test: str, results: Sequence[SeedResult], name: str) -> str:
    """What a curve is short of, at the seed with most of it."""
    most = max((result.curves.get(name, ()) for result in results), key=len)
    finite = sum(math.isfinite(value) for _, value in most)
    text = f"curve {name!r} of {test} has {count_of(len(most), 'point')}"
    if finite < len(most):
        text += f", {finite} of them finite"
    return f"{text}; a curve needs 2: call mlregress.log at more steps"


def _no_curve(test: str, results: Sequence[SeedResult], metric: str, curve: str | None) -> str:
    logged = sorted({name for result in results for name in result.curves})
    if not logged:
        return (
            f"{test} logs no learning curve; call mlregress.log(step, {metric}=...) while it "
            "trains, or draw over data: --over data"
        )
    names = ", ".join(logged)
    name = metric if curve is None else curve
    if name in logged:
        return _too_few_points(test, results, name)
    if curve is not None:
        return f"--curve {curve}: {test} logs no such curve; it has {names}"
    return (
        f"{test} logs no curve of the name {metric!r}, that of the metric; choose one with "
        f"--curve: {names}"
    )
