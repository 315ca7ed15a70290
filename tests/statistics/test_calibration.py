"""The verdict holds what it promises; `python -m benchmarks.calibration` prints the tables."""

import pytest

from benchmarks.calibration import (
    health,
    identity,
    levels,
    measures,
    pairing,
    planning,
    powers,
    run_effects,
    several,
    suites,
)
from benchmarks.calibration.distributions import DISTRIBUTIONS, DIVERGED_10, NORMAL, SKEWED
from benchmarks.calibration.suite import IN_TESTS, SECTIONS

LEVELS = next(d for d in DISTRIBUTIONS if d.name == "5 integer levels")


def missed(sections):
    return [line for section in sections for line in section.missed()]


def test_false_alarms_keep_alpha():
    sections = levels.run(300, (NORMAL, LEVELS, DIVERGED_10))
    assert missed(sections) == []
    everything = [m.value for s in sections for _, row in s.rows for m in row]
    assert max(everything) > 0.02


def test_power_where_seeds_diverge():
    (section,) = powers.run(600, (SKEWED, DIVERGED_10))
    assert missed([section]) == []


def test_early_stop_keeps_most_of_the_power():
    (section,) = powers.run(600, (NORMAL,))
    ((_, (at_once, stopped)),) = section.rows
    assert at_once.met
    # 600 checks scatter by 0.015; the whole calibration asks for 0.85.
    assert at_once.value - 0.03 < stopped.value
    assert stopped.value > 0.82


def test_lost_seeds_are_red():
    section = suites.lost_seeds(10)
    assert missed([section]) == []


def test_half_of_the_seeds_lost_is_red():
    section = suites.half_lost(20)
    assert missed([section]) == []


def test_the_planner_agrees_with_simulation_on_one_setting():
    (section,) = planning.run(3000, (9,))
    assert missed([section]) == []


def test_ties_by_chance_are_not_identical():
    (section,) = identity.run(300, ((20, 0.9), (100, 0.98)))
    assert missed([section]) == []
    assert section.columns[4] == "k = 2, independent"
    # Two seeds alone would be no proof.
    assert all(row[4].value > 0.01 for _, row in section.rows)


def test_linked_seeds_gain_and_cost_nothing_that_counts():
    section = pairing.beside(60, ((5, 0.05, 1.0, 0.99),))
    assert missed([section]) == []
    ((_, (unpaired, gone, _, strong, *_)),) = section.rows
    assert strong.value > unpaired.value + 0.15
    assert gone.value > unpaired.value - 0.1


def test_metrics_that_go_together_gain_power_and_keep_their_level():
    section = several.power(60, {(0.05, 5): 1.2})
    ((_, measures),) = section.rows
    gained = [measure.value for measure in measures[1::2]]
    assert gained[0] <= 0.05 <= gained[2]  # rho 0 and 0.9
    assert missed([several.level(120, ((SKEWED, (12, 5)),))]) == []


@pytest.mark.slow
def test_green_runs_speak_against_baselines_that_are_off():
    section = health.doubted(100, health.SETTINGS[0])
    assert missed([section]) == []
    _, (_, (right, *_, lucky, unlucky)) = section.rows
    assert right.value < 0.05
    assert min(lucky.value, unlucky.value) > 0.3


@pytest.mark.slow
def test_green_runs_of_linked_seeds_say_nothing():
    section = health.doubted(60, health.SETTINGS[2])
    assert missed([section]) == []
    assert max(measure.value for _, row in section.rows for measure in row) < 0.2


@pytest.mark.slow
def test_a_run_effect_that_is_shown_takes_its_false_reds_away():
    section = run_effects.false_reds(200)
    assert missed([section]) == []
    before, after = section.rows[-1][1][3:5]  # 10 runs of 20 seeds, M = 10
    assert after.value < before.value


def test_a_figure_beyond_its_limit_is_named():
    row = (measures.share([True] * 9 + [False] * 91, 0.05), measures.share([True] * 20, 0.9))
    section = measures.Section("title", ("a", "b"), (("cell", row),), "target")
    assert section.missed() == []
    red = measures.Measure(0.2, 0.05, "at most", 0.01)
    weak = measures.Measure(0.8, 0.9, "at least")
    section = measures.Section("title", ("a", "b"), (("cell", (red, weak)),), "target")
    assert section.missed() == [
        "title / cell / a: 0.200 (has to be at most 0.05)",
        "title / cell / b: 0.800 (has to be at least 0.9)",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", SECTIONS)
def test_every_target_is_met(name):
    assert missed(SECTIONS[name](IN_TESTS)) == []
