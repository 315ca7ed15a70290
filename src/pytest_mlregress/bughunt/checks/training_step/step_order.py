"""The order of backward, clipping, optimizer and scheduler inside a training step."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from pytest_mlregress.bughunt.catalogue.training_step import (
    CLIP_MISORDER,
    SCHEDULER_MISORDER,
    STEP_BEFORE_BACKWARD,
)
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.recorder import Event
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace

_UNSCALE = "_amp_foreach_non_finite_check_and_unscale_"


@check(STEP_BEFORE_BACKWARD, needs=("train_step",))
def step_before_backward(context: HuntContext) -> Iterator[Finding]:
    """In every call the optimizer has stepped before the first backward pass runs.

    A closure runs its backward pass inside the step and passes; so does a step whose gradients
    come from elsewhere, without any backward pass.
    """
    trace = context.step_trace
    early = [_step_before_backward(trace, phase) for phase in trace.phases]
    steps = [event for event in early if event is not None]
    if len(steps) == len(early):
        yield STEP_BEFORE_BACKWARD.finding(
            location=steps[0].location,
            evidence=f"in {len(steps)} of {len(early)} calls the first step comes before the "
            f"first backward",
        )


def _step_before_backward(trace: StepTrace, phase: str) -> Event | None:
    steps = [e for e in trace.recorder.of_kind("step", phase) if e.detail == "after"]
    backwards = trace.recorder.of_kind("backward", phase)
    if steps and backwards and steps[0].order < backwards[0].order:
        return steps[0]
    return None


@check(CLIP_MISORDER, needs=("train_step",))
def clip_misorder(context: HuntContext) -> Iterator[Finding]:
    """Gradients are clipped when nothing uses them: before backward, after step, or still scaled.

    Judged by the events between two clips, so that clipping per micro-batch passes.
    """
    trace = context.step_trace
    clips = [e for phase in trace.phases for e in trace.recorder.of_kind("clip", phase)]
    if not clips:
        raise CannotTell("train_step clips no gradients with torch.nn.utils")
    for phase in trace.phases:
        for reason, clip in _useless_clips(trace, phase):
            yield CLIP_MISORDER.finding(
                "order",
                location=clip.location,
                evidence=" → ".join(_order_of(trace, phase)),
                reason=reason,
            )
        if phase != trace.phases[0]:
            return


def _useless_clips(trace: StepTrace, phase: str) -> Iterator[tuple[str, Event]]:
    events = _milestones(trace, phase)
    unscaled = [call.order for call in trace.recorder.calls if call.name == _UNSCALE]
    for index, event in enumerate(events):
        if event.kind != "clip":
            continue
        earlier = [e.kind for e in events[:index]]
        later = [e for e in events[index + 1 :] if e.kind in ("backward", "step", "zero_grad")]
        since_step = list(itertools.takewhile(lambda kind: kind != "step", reversed(earlier)))
        if "backward" not in since_step and "step" in earlier:
            yield "after the optimizer has used them", event
        elif "backward" not in earlier and any(e.kind == "backward" for e in later):
            yield "before backward() has computed them", event
        elif (
            later
            and later[0].kind == "step"
            and any(event.order < order < later[0].order for order in unscaled)
        ):
            yield "while the loss scale is still in them", event


def _milestones(trace: StepTrace, phase: str) -> list[Event]:
    """The events of a phase that order a step; of an optimizer step only its end."""
    return [
        e
        for e in trace.recorder.events
        if e.phase == phase
        and e.kind in ("backward", "step", "zero_grad", "clip", "scheduler")
        and e.detail != "before"
    ]


def _order_of(trace: StepTrace, phase: str) -> list[str]:
    names = [e.kind for e in _milestones(trace, phase)]
    return [n for i, n in enumerate(names) if i == 0 or names[i - 1] != n]


@check(SCHEDULER_MISORDER, needs=("train_step",))
def scheduler_misorder(context: HuntContext) -> Iterator[Finding]:
    """The learning-rate scheduler steps before the optimizer, or steers another optimizer."""
    trace = context.step_trace
    events = trace.recorder.of_kind("scheduler", "step 0")
    if not events:
        raise CannotTell("train_step steps no scheduler of torch")
    steps = trace.recorder.of_kind("step", "step 0")
    if steps and events[0].order < steps[0].order:
        yield SCHEDULER_MISORDER.finding(
            location=events[0].location, evidence=" → ".join(_order_of(trace, "step 0"))
        )
    stepped = {id(e.subject) for e in trace.recorder.of_kind("step")}
    unrelated = [e for e in events if id(getattr(e.subject, "optimizer", None)) not in stepped]
    if unrelated and stepped and not steps_elsewhere(unrelated):
        yield SCHEDULER_MISORDER.finding(
            "other optimizer",
            location=unrelated[0].location,
            evidence="scheduler.optimizer is none of the optimizers seen at step()",
        )
    yield from _collapse(trace, events)


def steps_elsewhere(events: list[Event]) -> bool:
    """Whether the schedulers belong to optimizers without parameters, used as a mere schedule."""
    return all(not hasattr(e.subject, "optimizer") for e in events)


def _collapse(trace: StepTrace, events: list[Event]) -> Iterator[Finding]:
    """A schedule that has used up its learning rate after a handful of steps."""
    rates = [max(a.learning_rates, default=0.0) for a in trace.log.applied]
    falling = all(later <= earlier for earlier, later in itertools.pairwise(rates))
    if len(rates) >= 3 and falling and rates[-1] < 1e-2 * rates[0]:
        yield SCHEDULER_MISORDER.finding(
            "collapsed",
            location=events[0].location,
            evidence=" → ".join(f"{rate:.3g}" for rate in rates),
            steps=len(rates),
        )
