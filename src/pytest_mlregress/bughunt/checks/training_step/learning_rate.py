"""Steps that move nothing, or that move too far: lost updates and learning rates."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pytest_mlregress.bughunt.catalogue.gradients import EXPLODING_GRADIENT
from pytest_mlregress.bughunt.catalogue.training_step import BAD_LEARNING_RATE
from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.recorder import Event, Recorder
from pytest_mlregress.bughunt.recording.step_log import StepLog
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace

_DIVERGED, _SLOWER = 100.0, 1e-4
TINY_RATE, _TINY_MOVE = 1e-6, 1e-6


@check(BAD_LEARNING_RATE, EXPLODING_GRADIENT, cost="replay")
def bad_learning_rate(context: HuntContext) -> Iterator[Finding]:
    """The learning rate is zero, too small to move anything, or so large that the loss explodes.

    It explodes within a few steps while a small part of the rate does not.

    Without a train_step the default step runs with the user's optimizer.
    """
    if context.program.train_step is None and context.program.make_optimizer is None:
        raise CannotTell("needs train_step or make_optimizer")
    trace = context.training_trace
    if not trace.log.applied:
        raise CannotTell("train_step never called a torch optimizer's step")
    rates = [rate for applied in trace.log.applied for rate in applied.learning_rates]
    if max(rates) == 0:
        yield _rate(trace, "", rates)
        return
    peak = _peak(trace)
    if peak < TINY_RATE and _largest_move(trace) * peak / max(rates) < _TINY_MOVE:
        yield _rate(trace, "too small", rates)
    yield from _diverges(context, trace, rates)


def _diverges(context: HuntContext, trace: StepTrace, rates: list[float]) -> Iterator[Finding]:
    growth = _growth(trace.log, trace.phases)
    if growth < _DIVERGED:
        return
    slow = StepLog()
    recorder = Recorder(keep_tensors=False, on_event=_Slowed(slow))
    try:
        with context.isolated_training(recorder) as isolated:
            for index, batch in enumerate(context.program.training_batches(trace.count)):
                isolated.phase(f"step {index}")
                isolated.step(batch)
    except BughuntError as error:
        raise CannotTell("train_step fails at a smaller learning rate") from error
    evidence = f"the loss grows {growth:.3g}-fold within {trace.count} steps"
    if _growth(slow, trace.phases) < _DIVERGED:
        yield _rate(trace, "too large", rates, evidence)
    else:
        yield EXPLODING_GRADIENT.finding(
            "while training", location=trace.log.backwards[0].location, evidence=evidence
        )


class _Slowed:
    """Scales every learning rate down for the length of each step, and listens."""

    def __init__(self, log: StepLog) -> None:
        self.log = log
        self.rates: list[float] = []

    def __call__(self, event: Event) -> None:
        self.log(event)
        if event.kind != "step":
            return
        groups = event.subject.param_groups
        if event.detail == "before":
            self.rates = [group.get("lr", 0.0) for group in groups]
            for group in groups:
                group["lr"] = group.get("lr", 0.0) * _SLOWER
        else:
            for group, rate in zip(groups, self.rates, strict=True):
                group["lr"] = rate


def _growth(log: StepLog, phases: list[str]) -> float:
    """Largest ratio of a later root value to the first of the same backward pass."""
    first: dict[str | None, float] = {}
    growth = 0.0
    for backward in log.backwards:
        if backward.by_grad or backward.phase not in phases:
            continue
        start = first.setdefault(backward.location, abs(backward.value))
        if not math.isfinite(start):
            continue
        value = abs(backward.value)
        growth = max(growth, value / max(start, 0.1) if math.isfinite(value) else math.inf)
    return growth


def _peak(trace: StepTrace) -> float:
    """The largest rate that the schedule will reach, as far as torch's schedulers tell."""
    groups = [g for a in trace.log.applied for g in a.optimizer.param_groups]
    keys = ("lr", "initial_lr", "max_lr")
    return max(float(g[key]) for g in groups for key in keys if key in g)


def _largest_move(trace: StepTrace) -> float:
    """Largest relative change of any parameter in any step; what is near zero counts as 1e-3."""
    moves = [0.0]
    for one, other in zip(trace.states, trace.states[1:], strict=False):
        for name, before in one.parameters.items():
            after = other.parameters.get(name)
            size = max(float(before.double().norm()), 1e-3 * math.sqrt(before.numel()))
            if after is not None and after.shape == before.shape and before.numel():
                moves.append(float((after.double() - before.double()).norm()) / size)
    return max(moves)


def _rate(trace: StepTrace, variant: str, rates: list[float], evidence: str = "") -> Finding:
    made = trace.recorder.of_kind("optimizer", "make_optimizer")
    return BAD_LEARNING_RATE.finding(
        variant,
        location=made[0].location if made else None,
        evidence=", ".join(
            filter(None, [evidence, f"learning rates {min(rates):.3g} to {max(rates):.3g}"])
        ),
    )
