"""Optimizers that lose their state from one step to the next."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from pytest_mlregress.bughunt.catalogue.training_step import OPTIMIZER_RECREATED
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.step_log import Applied
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext


@check(OPTIMIZER_RECREATED, needs=("train_step",))
def optimizer_recreated(context: HuntContext) -> Iterator[Finding]:
    """The state of an optimizer (momentum, second moments) is gone at the next step.

    An optimizer without state may be constructed again; one on other parameters than the model's
    (inner loops of meta-learning) is none of this check's business.
    """
    trace = context.step_trace
    applied = [a for a in trace.log.applied if a.phase in trace.phases]
    gone: list[tuple[Applied, int]] = []
    for earlier, later in _successive(applied):
        lost = [
            name
            for name, gradient in earlier.gradients.items()
            if gradient is not None and name in later.gradients and not name.startswith("?")
            if not later.with_state
        ]
        if lost and _keeps_state(later) and later.phase != earlier.phase:
            gone.append((later, len(lost)))
    if len(gone) >= 2:
        made = trace.recorder.of_kind("optimizer", gone[0][0].phase)
        yield OPTIMIZER_RECREATED.finding(
            location=made[0].detail if made else gone[0][0].location,
            evidence=f"{gone[0][1]} parameters had no optimizer state at {len(gone)} later steps",
        )


def _successive(applied: list[Applied]) -> Iterator[tuple[Applied, Applied]]:
    """Each applied step with the next one on any of the same parameters by a similar optimizer."""
    for index, later in enumerate(applied):
        for earlier in reversed(applied[:index]):
            same = set(earlier.gradients) & set(later.gradients)
            if same and type(earlier.optimizer) is type(later.optimizer):
                yield earlier, later
                break


def _keeps_state(applied: Applied) -> bool:
    """Whether stepping left state behind, of more than a mere counter or placeholder."""
    return any(
        any(isinstance(value, torch.Tensor) and value.dim() > 0 for value in state.values())
        for state in applied.optimizer.state.values()
        if isinstance(state, dict)
    )
