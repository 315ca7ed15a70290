"""Early sight of a collapse: healthy seeds stopped by mistake, and how soon a collapse is seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from benchmarks.calibration.distributions import Floats
from benchmarks.calibration.measures import Measure, Section
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import lfilter

from pytest_mlregress.statistics.collapse import CurveBand, curve_band

N_BASELINE = 20
FALSE_STOPS = 0.001

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
    "stuck: share of run",
    "falls at 0.5: share of run",
)


def run(
    bands: int, seeds_per_band: int, evaluations: tuple[int, ...] = (10, 40, 200)
) -> list[Section]:
    """Many baselines of 20 curves, and many healthy seeds judged by each."""
    rows = []
    for name, curves in SHAPES.items():
        for count in evaluations:
            time = np.linspace(0.0, 1.0, count)
            rows.append((f"{name}, {count}", _measured(curves, time, bands, seeds_per_band)))
    return [
        Section(
            "Early sight of a collapse, 20 baseline curves",
            COLUMNS,
            tuple(rows),
            "at most 1 healthy seed in 1,000 stopped",
            (
                f"{bands * seeds_per_band} healthy seeds a row. 'delayed' starts later by 10, 30 "
                "or 50 % of the run and ends the same; 'stuck' never leaves its start; "
                "'falls' drops back to it in the middle; the share of the run after which the stop "
                "comes, 1 where it does not.",
            ),
        )
    ]


def _measured(curves: Curves, time: Floats, bands: int, seeds: int) -> tuple[Measure, ...]:
    generator = np.random.default_rng([23, time.size])
    stops, late, stuck, falls = 0, 0, [], []
    for _ in range(bands):
        band = curve_band(
            [list(zip(time, c, strict=True)) for c in curves(generator, N_BASELINE, time)],
            higher_is_better=True,
        )
        assert band is not None
        healthy = curves(generator, seeds, time)
        stops += sum(stopped_after(band, time, curve) < 1.0 for curve in healthy)
        late += sum(
            stopped_after(band, time, delayed(time, curve, DELAYS[k % len(DELAYS)])) < 1.0
            for k, curve in enumerate(healthy)
        )
        start = healthy[0, 0] + healthy[0] - np.median(healthy, axis=0)
        stuck.append(stopped_after(band, time, start))
        falls.append(stopped_after(band, time, np.where(time < 0.5, healthy[0], start)))
    total = bands * seeds
    error = float(np.sqrt(FALSE_STOPS * (1.0 - FALSE_STOPS) / total))
    return (
        Measure(time.size, style=".0f"),
        Measure(stops / total, FALSE_STOPS, error=error, style=".5f"),
        Measure(late / total, FALSE_STOPS, error=error, style=".5f"),
        Measure(float(np.mean(stuck)), style=".2f"),
        Measure(float(np.mean(falls)), style=".2f"),
    )


def delayed(time: Floats, curve: Floats, delay: float) -> Floats:
    """The curve held at its start for a share of the run, then catching up to the same end."""
    return np.interp(np.clip((time - delay) / (1.0 - delay), 0.0, 1.0), time, curve)


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
