"""Two equal runs that end differently."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from pytest_mlregress.bughunt.catalogue.evaluation import NONDETERMINISTIC
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.recorder import RecordedCall, Recorder
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.sparse_tensors import equal


@check(NONDETERMINISTIC, cost="replay")
def nondeterministic(context: HuntContext) -> Iterator[Finding]:
    """The same seeds, the same data, a fresh model: the parameters must be bit-equal."""
    if context.program.train_step is None:
        yield from _in_the_loss(context)
        return
    trace = context.step_trace
    context.afford(trace.count * trace.seconds)
    again = context.second_run
    first, last = again.first, again.last
    if not _equal(first, trace.states[0].parameters):
        yield _finding(
            None,
            "models",
            _gap(first, trace.states[0].parameters),
        )
        return
    if not _equal(last, trace.states[trace.count].parameters):
        gap = _gap(last, trace.states[trace.count].parameters)
        ours = [c for c in trace.recorder.calls if c.phase == "step 0"]
        theirs = [c for c in again.recorder.calls if c.phase == "step 0"]
        culprit = _first_difference(ours, theirs)
        yield _finding(culprit, "", gap, steps=trace.count)


def _in_the_loss(context: HuntContext) -> Iterator[Finding]:
    recorder = Recorder(phase="loss")
    with context.isolated_run(recorder=recorder) as isolated:
        loss = float(isolated.loss().detach())
    before = float(context.loss_trace.loss.detach())
    if loss != before and not (loss != loss and before != before):
        culprit = _first_difference(context.loss_trace.calls, recorder.calls)
        yield _finding(culprit, "loss_fn", abs(loss - before))


def _first_difference(ours: list[RecordedCall], theirs: list[RecordedCall]) -> RecordedCall | None:
    """The first call whose result differs between two recordings of the same program."""
    for one, other in zip(ours, theirs, strict=False):
        if one.name != other.name or one.location != other.location:
            return one
        pairs = zip(
            [*inputs(one), *pytrees.tensors(one.output)],
            [*inputs(other), *pytrees.tensors(other.output)],
            strict=False,
        )
        if any(a.shape != b.shape or not _same(a, b) for a, b in pairs):
            return one
    return None


def _finding(culprit: RecordedCall | None, variant: str, gap: float, steps: int = 0) -> Finding:
    return NONDETERMINISTIC.finding(
        variant,
        module=culprit.module if culprit else None,
        location=culprit.location if culprit else None,
        evidence=f"largest difference {gap:.3g} with python, numpy and torch seeded alike"
        + (f"; the runs part at {culprit.name}" if culprit else ""),
        steps=steps,
    )


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    floating = one.is_floating_point() and other.is_floating_point()
    return equal(one, other, nans_equal=floating)


def _equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(
        n in other and one[n].shape == other[n].shape and _same(one[n], other[n]) for n in one
    )


def _gap(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    gaps = [
        float((one[n].double() - other[n].double()).abs().max())
        for n in one
        if n in other and one[n].shape == other[n].shape and one[n].numel()
    ]
    return max(gaps, default=0.0)
