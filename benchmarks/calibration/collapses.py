"""Early sight of a collapse: healthy seeds stopped by mistake, and how soon a collapse is seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import lfilter

from benchmarks.calibration.distributions import Floats
from benchmarks.calibration.measures import Measure, Section, share
from pytest_mlregress.statistics.curve_collapse import CURVE_SHARE, CurveBand, curve_band

N_BASELINE = 20
N_SEEDS = 5
ALPHA = 0.05
#: What a check of `N_SEEDS` healthy seeds may spend on one curve, and one of its seeds.
LEVEL = CURVE_SHARE * ALPHA
FALSE_STOPS = LEVEL / N_SEEDS

Curves = Callable[[np.random.Generator, int, Floats], Floats]


def _noise(generator: np.random.Generator, shape: tuple[int, int], memory: float) -> Floats:
    """Autocorrelated noise of unit variance: each evaluation remembers the one before."""
    fresh = generator.normal(size=shape) * np.sqrt(1.0 - memory**2)
    fresh[:, 0] = generator.normal(size=shape[0])
    return np.asarray(lfilter([1.0], [1.0, -memory], fresh, axis=1))


def _saturating(generator: np.random.Generator, seeds: int, time: Floats) -> Floats:
    speed = generator.lognormal(np.log(6.0), 0.2, (seeds, 1))
    end = 0.9 + 0.01 * generator.normal(size=(seeds, 1))
    noise = 0.01 * _noise(generator, (seeds, time.size), 0.7)
    return end - (end - 0.1) * np.exp(-speed * time) + noise


def _sudden(generator: np.random.Generator, seeds: int, time: Floats) -> Floats:
    when = generator.lognormal(np.log(0.35), 0.2, (seeds, 1))
    noise = 0.01 * _noise(generator, (seeds, time.size), 0.5)
    return 0.1 + 0.85 / (1.0 + np.exp(-(time - when) / 0.02)) + noise


def _heavy(generator: np.random.Generator, seeds: int, time: Floats) -> Floats:
    spikes = 0.05 * generator.standard_t(2.5, (seeds, time.size))
    return 0.8 * (1.0 - np.exp(-5.0 * time)) + spikes + 0.02 * generator.normal(size=(seeds, 1))


def _wandering(generator: np.random.Generator, seeds: int, time: Floats) -> Floats:
    return 0.02 * time + 0.005 * _noise(generator, (seeds, time.size), 0.98)


def _saturated(generator: np.random.Generator, seeds: int, time: Floats) -> Floats:
    clean = 1.0 - 0.5 * np.exp(-20.0 * time)
    errors = generator.gamma(0.3, 1.0, (seeds, 1)) + generator.gamma(0.3, 1.0, (seeds, time.size))
    return np.round(clean - 0.002 * errors, 3)


def _dipping(generator: np.random.Generator, seeds: int, time: Floats) -> Floats:
    centre = generator.random((seeds, 1))
    depth = np.where(generator.random((seeds, 1)) < 0.3, 0.4, 0.0)
    dips = depth * np.exp(-(((time - centre) / 0.015) ** 2))
    return _saturating(generator, seeds, time) - dips


SHAPES: dict[str, Curves] = {
    "saturating": _saturating,
    "sudden, at a random time": _sudden,
    "heavy-tailed noise": _heavy,
    "no learning, long memory": _wandering,
    "saturated, rounded, skewed": _saturated,
    "with deep dips": _dipping,
}

DELAYS = (0.1, 0.3, 0.5)

COLUMNS = (
    "evaluations",
    "false stops",
    "delayed, same end: stops",
    "warm-up, same end: stops",
    "smaller rate, same end: stops",
    "stuck: share of run",
    "falls at 0.5: share of run",
)

#: The share of a run in which a warm-up raises the learning rate to its full size.
WARM_UP = 0.4
#: How much slower a run with a smaller rate is: with a cosine schedule it ends where others do.
SLOWER = 0.5


def run(bands: int, seeds_per_band: int) -> list[Section]:
    """Single seeds of many shapes, and whole tests with several curves and many steps."""
    return [single_seeds(bands, seeds_per_band), whole_tests(max(bands // 2, 3))]


def single_seeds(
    bands: int, seeds_per_band: int, evaluations: tuple[int, ...] = (10, 40, 200)
) -> Section:
    """Many baselines of 20 curves, and many healthy seeds judged by each."""
    rows = []
    for name, curves in SHAPES.items():
        for count in evaluations:
            time = np.linspace(0.0, 1.0, count)
            rows.append((f"{name}, {count}", _measured(curves, time, bands, seeds_per_band)))
    return Section(
        "Early sight of a collapse, 20 baseline curves, checks of 5 seeds, alpha 0.05",
        COLUMNS,
        tuple(rows),
        f"at most a share of {FALSE_STOPS:g} of the healthy seeds stopped",
        (
            f"{bands * seeds_per_band} healthy seeds a row. 'delayed' starts later by 10, 30 "
            f"or 50 % of the run, 'warm-up' raises its rate over the first {WARM_UP:g} of it, "
            f"'smaller rate' has learned at half of the run what others have at {SLOWER / 2:g}; "
            "all end the same. 'stuck' never leaves its start; "
            "'falls' drops back to it in the middle; the share of the run after which the stop "
            "comes, 1 where it does not.",
        ),
    )


def whole_tests(
    tests: int, *, steps: tuple[int, ...] = (200, 1000), curves: tuple[int, ...] = (1, 3)
) -> Section:
    """Unchanged tests that log several curves at many steps: any stop of any seed."""
    rows = []
    for name, shape in SHAPES.items():
        for count in steps:
            time = np.linspace(0.0, 1.0, count)
            generator = np.random.default_rng([29, count])
            shares = [share(_stopped(generator, shape, time, tests, n), n * LEVEL) for n in curves]
            rows.append((f"{name}, {count} steps", tuple(shares)))
    return Section(
        "Unchanged tests of 5 seeds, any of them stopped, alpha 0.05",
        tuple(f"{n} curve{'s' if n > 1 else ''}" for n in curves),
        tuple(rows),
        f"at most {LEVEL:g} for each curve",
        (f"{tests} tests a cell, each with a baseline of its own of 20 seeds.",),
    )


def _stopped(
    generator: np.random.Generator, shape: Curves, time: Floats, tests: int, curves: int
) -> list[bool]:
    """Of each test, whether any of its seeds is stopped because of any of its curves."""
    stops = [_any_stop(generator, shape, time) for _ in range(tests * curves)]
    return [bool(test) for test in np.reshape(stops, (tests, curves)).any(axis=1)]


def _any_stop(generator: np.random.Generator, shape: Curves, time: Floats) -> bool:
    drawn = shape(generator, N_BASELINE + N_SEEDS, time)
    band = _band(time, drawn[:N_BASELINE])
    return any(stopped_after(band, time, curve) < 1.0 for curve in drawn[N_BASELINE:])


def _band(time: Floats, curves: Floats) -> CurveBand:
    band = curve_band(
        [list(zip(time, curve, strict=True)) for curve in curves],
        higher_is_better=True,
        level=LEVEL,
        seeds=N_SEEDS,
    )
    assert band is not None
    return band


def _measured(curves: Curves, time: Floats, bands: int, seeds: int) -> tuple[Measure, ...]:
    generator = np.random.default_rng([23, time.size])
    stops, late, warm, slow, stuck, falls = 0, 0, 0, 0, [], []
    for _ in range(bands):
        band = _band(time, curves(generator, N_BASELINE, time))
        healthy = curves(generator, seeds, time)
        for k, curve in enumerate(healthy):
            stops += stopped_after(band, time, curve) < 1.0
            late += stopped_after(band, time, delayed(time, curve, DELAYS[k % len(DELAYS)])) < 1.0
            warm += stopped_after(band, time, warmed_up(time, curve)) < 1.0
            slow += stopped_after(band, time, slowed(time, curve)) < 1.0
        start = healthy[0, 0] + healthy[0] - np.median(healthy, axis=0)
        stuck.append(stopped_after(band, time, start))
        falls.append(stopped_after(band, time, np.where(time < 0.5, healthy[0], start)))
    total = bands * seeds
    error = float(np.sqrt(FALSE_STOPS * (1.0 - FALSE_STOPS) / total))
    return (
        Measure(time.size, style=".0f"),
        *(
            Measure(count / total, FALSE_STOPS, error=error, style=".5f")
            for count in (stops, late, warm, slow)
        ),
        Measure(float(np.mean(stuck)), style=".2f"),
        Measure(float(np.mean(falls)), style=".2f"),
    )


def delayed(time: Floats, curve: Floats, delay: float) -> Floats:
    """The curve held at its start for a share of the run, then catching up to the same end."""
    return np.interp(np.clip((time - delay) / (1.0 - delay), 0.0, 1.0), time, curve)


def warmed_up(time: Floats, curve: Floats) -> Floats:
    """The curve of a run whose learning rate rises linearly to its full size, of the same sum."""
    progress = np.where(time < WARM_UP, time**2 / (2.0 * WARM_UP), time - WARM_UP / 2.0)
    return np.interp(progress / progress[-1], time, curve)


def slowed(time: Floats, curve: Floats) -> Floats:
    """The curve of a run that is at half of its time where others are at a quarter of theirs."""
    middle = SLOWER / 2.0
    later = middle + 2.0 * (1.0 - middle) * (time - 0.5)
    progress = np.where(time < 0.5, 2.0 * middle * time, later)
    return np.interp(progress, time, curve)


def stopped_after(band: CurveBand, time: Floats, curve: Floats) -> float:
    """The share of the run after which it is stopped; 1 where it never is."""
    best = sliding_window_view(band.sign * curve, band.run_length).max(axis=1)
    ends = time[band.run_length - 1 :]
    # Only where the limit is passed is the product asked, which goes by the same limit.
    for beyond in np.flatnonzero(best < np.interp(ends, band.steps, band.limits)):
        n = int(beyond) + band.run_length
        if band.judge(list(zip(time[:n], curve[:n], strict=True))).collapsed:
            return float(n / time.size)
    return 1.0
