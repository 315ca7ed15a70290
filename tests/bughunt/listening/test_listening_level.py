"""How closely a guard listens, as a table."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("torch")

from pytest_mlregress.bughunt.listening.detector import Progress
from pytest_mlregress.bughunt.listening.listening_level import (
    ListeningLevel,
    NoGrad,
    level,
)

SILENT, STEPS, MODULES, CALLS = ListeningLevel
OUTSIDE, BEGUN, EVALUATION, SEEN_ENOUGH = NoGrad


@pytest.mark.parametrize(
    ("scheduled", "no_grad", "stepping", "expected"),
    [
        (STEPS, OUTSIDE, False, STEPS),
        (MODULES, OUTSIDE, False, MODULES),
        (CALLS, OUTSIDE, False, CALLS),
        (STEPS, OUTSIDE, True, STEPS),
        (MODULES, OUTSIDE, True, MODULES),
        (CALLS, OUTSIDE, True, MODULES),
        (STEPS, BEGUN, False, MODULES),
        (MODULES, BEGUN, False, MODULES),
        (CALLS, BEGUN, False, CALLS),
        (STEPS, EVALUATION, False, CALLS),
        (CALLS, EVALUATION, False, CALLS),
        (CALLS, EVALUATION, True, MODULES),
        (STEPS, SEEN_ENOUGH, False, STEPS),
        (CALLS, SEEN_ENOUGH, False, STEPS),
    ],
)
def test_the_schedule_decides_but_where_gradients_are_off_or_an_optimizer_steps(
    scheduled: ListeningLevel, no_grad: NoGrad, stepping: bool, expected: ListeningLevel
) -> None:
    progress = Progress(report=print, scheduled=scheduled, no_grad=no_grad, stepping=stepping)
    assert level(progress) is expected


def test_a_disabled_guard_is_silent_whatever_happens() -> None:
    for scheduled, no_grad, stepping in itertools.product(ListeningLevel, NoGrad, (False, True)):
        progress = Progress(
            report=print, disabled=True, scheduled=scheduled, no_grad=no_grad, stepping=stepping
        )
        assert level(progress) is SILENT


def test_what_detectors_are_told_follows_the_schedule_alone() -> None:
    told = {}
    for scheduled in (STEPS, MODULES, CALLS):
        progress = Progress(report=print, scheduled=scheduled, no_grad=SEEN_ENOUGH)
        told[scheduled] = progress.observes_modules, progress.observes_calls
    assert told == {STEPS: (False, False), MODULES: (True, False), CALLS: (True, True)}
