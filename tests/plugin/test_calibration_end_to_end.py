"""Real pytest runs keep what the statistics promise: the plumbing is calibrated too."""

from __future__ import annotations

import math

import pytest

from benchmarks.calibration import end_to_end
from benchmarks.calibration.trainings import Code, metric, touched


def values(code: Code) -> list[float]:
    """Of touched and untouched tests in turn, without the levels and constants of some."""
    return [metric(test, seed, seeds=5, code=code) for test in (0, 1, 2, 5) for seed in range(5)]


def test_other_salts_share_no_value() -> None:
    assert values(Code(1)) == values(Code(1))
    assert not set(values(Code(1))) & set(values(Code(2)))


def test_a_still_change_moves_only_the_touched_tests() -> None:
    for test in range(20):
        kept = metric(test, 3, seeds=5, code=Code(7, still=True)) == metric(
            test, 3, seeds=5, code=Code(0)
        )
        assert kept is not touched(test)


def test_lost_seeds_are_as_many_as_asked_for() -> None:
    code = Code(3, lost_seeds=2)
    assert sum(math.isnan(metric(5, seed, seeds=5, code=code)) for seed in range(5)) == 2
    assert not any(math.isnan(metric(6, seed, seeds=5, code=code)) for seed in range(5))


@pytest.mark.slow
def test_every_figure_keeps_its_target() -> None:
    sections = list(end_to_end.run(suites=3, tests_each=20, tests=60))
    assert len(sections) == 4
    assert [line for section in sections for line in section.missed()] == []
