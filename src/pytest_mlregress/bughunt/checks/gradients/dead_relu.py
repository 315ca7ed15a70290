"""Rectifiers that let nothing through."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.case import Case


@check("dead-relu")
def dead_relu(case: Case) -> Iterator[Finding]:
    """A rectifier lets nothing through, for any example, in any of several steps."""
    activity = case.training_trace.activity
    for (module, line), active in activity.active.items():
        runs = activity.runs[module, line]
        if not active and runs >= 3:
            yield Finding(
                check="dead-relu",
                severity="warning",
                message="a rectifier outputs nothing but zeros",
                module=module,
                location=line,
                evidence=f"0 on every example in {runs} runs",
                fix="check bias and scale of the layer before it; lower the learning rate",
            )
            return
