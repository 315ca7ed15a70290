"""Rectifiers that let nothing through."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mlregress.bughunt.catalogue.gradients import DEAD_RELU
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext


@check(DEAD_RELU)
def dead_relu(context: HuntContext) -> Iterator[Finding]:
    """A rectifier lets nothing through, for any example, in any of several steps."""
    activity = context.training_trace.activity
    for (module, line), active in activity.active.items():
        runs = activity.runs[module, line]
        if not active and runs >= 3:
            yield DEAD_RELU.finding(
                module=module, location=line, evidence=f"0 on every example in {runs} runs"
            )
            return
