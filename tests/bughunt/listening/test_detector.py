"""The events that a detector may hear."""

from __future__ import annotations

from pytest_mlregress.bughunt.listening.detector import Detector


def test_every_event_that_a_detector_may_hear_is_documented():
    events = [name for name in vars(Detector) if not name.startswith("_") and name != "tireless"]
    assert all(getattr(Detector, name).__doc__ for name in events)
