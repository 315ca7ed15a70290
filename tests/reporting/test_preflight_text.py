"""What a preflight tells at its end."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_mlregress.reporting import preflight_text
from pytest_mlregress.reporting.preflight_text import TrainedFixture, preflight_lines


def step(outcome: str = "ok", **found: Any) -> preflight_text.TestedStep:
    own = {"test": "t.py::test_x", "message": "", "duration": 2.0}
    return preflight_text.TestedStep(
        outcome=outcome, peak_memory=None, peak_gpu_memory=None, **(own | found)
    )


def said(*steps: preflight_text.TestedStep) -> list[str]:
    return list(preflight_lines(steps, width=200))


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (
            {"ending": "whole", "in_fixtures": (TrainedFixture("model", "function", 2000),)},
            "2000 optimizer steps in the fixture 'model': it trains to its end; read "
            "mlregress.preflight there",
        ),
        (
            {"ending": "step", "in_fixtures": (TrainedFixture("model", "session", 2),)},
            "ended after its first optimizer step, 2 optimizer steps in the fixture 'model': it "
            "trains to its end; read request.config.getoption('mlregress_preflight') there",
        ),
        (
            {"ending": "whole", "in_fixtures": (TrainedFixture("model", "session", 1),)},
            "1 optimizer step in the fixture 'model'",
        ),
        (
            {
                "ending": "declared",
                "declared": True,
                "in_fixtures": (TrainedFixture("model", "function", 1),),
            },
            "one step, as the test has it",
        ),
        ({"ending": "whole"}, "no optimizer step seen; ran to the end"),
        ({"xfailed": "not yet\nValueError: x"}, "failed as expected (xfail): not yet"),
        ({"xfailed": "reason: no data"}, "failed as expected (xfail): no data"),
        ({"xfailed": ""}, "failed as expected (xfail)"),
        ({"xfailed": "reason: [NOTRUN] hangs"}, "not run (xfail): hangs"),
        ({}, "not run"),
    ],
)
def test_how_it_ended(found: dict[str, Any], text: str) -> None:
    assert said(step(**found))[1] == f"          2 s, {text}"


def test_tiers_that_failed_are_run_by_name() -> None:
    failed = step("failed", tier="full")
    assert said(failed, step())[-1].endswith("; to run what failed: --lf --mlregress-tier=full")
    assert said(failed, step("failed"))[-1].endswith(
        "; to run what failed: --lf, then --lf --mlregress-tier=full"
    )
    assert said(step("failed"))[-1] == "preflight: 1 test, 1 failed"
