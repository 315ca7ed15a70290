"""What evaluation leaves behind, and random generators that are set back."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from pytest_mlregress.bughunt.catalogue.evaluation import EVAL_MUTATES_MODEL
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.source_lines import of_function
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace
from pytest_mlregress.bughunt.torch_api.module_modes import BATCH_NORM_MODULES
from pytest_mlregress.bughunt.torch_api.sparse_tensors import equal


@check(EVAL_MUTATES_MODEL, needs=("evaluate",))
def eval_mutates_model(context: HuntContext) -> Iterator[Finding]:
    """The model's state after evaluate() differs from that before it.

    Only the final state counts, so that swapping averaged weights in and out passes. Running
    statistics that moved point to missing-eval-mode; other buffers may be counters or caches.
    """
    trace = context.training_trace
    assert trace.evaluation is not None
    before, after = trace.evaluation
    changed = _changed(before.parameters, after.parameters)
    if changed:
        yield _mutation(context, trace, changed, "parameters")
    moved = _changed(before.buffers, after.buffers)
    statistics = [name for name in moved if _is_statistic(trace, name)]
    if statistics:
        yield _mutation(context, trace, statistics, "running statistics")


def _changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> list[str]:
    return [
        name
        for name in before
        if name in after
        and not equal(before[name], after[name], nans_equal=before[name].is_floating_point())
    ]


def _is_statistic(trace: StepTrace, name: str) -> bool:
    module = trace.isolated.model.get_submodule(name.rpartition(".")[0])
    return isinstance(module, BATCH_NORM_MODULES)


def _mutation(context: HuntContext, trace: StepTrace, names: list[str], what: str) -> Finding:
    assert trace.evaluation is not None
    before, after = trace.evaluation
    states = (before.parameters | before.buffers, after.parameters | after.buffers)
    name = names[0]
    gap = (states[0][name].double() - states[1][name].double()).abs().max().item()
    return EVAL_MUTATES_MODEL.finding(
        module=name,
        location=_writer(trace) or of_function(context.program.evaluate),
        evidence=f"{len(names)} changed, {name} by up to {gap:.3g}",
        what=what,
    )


def _writer(trace: StepTrace) -> str | None:
    """The first in-place call on a parameter during evaluation."""
    for call in trace.recorder.calls:
        in_place = call.name.endswith("_") and not call.name.endswith("__")
        written = call.arguments and isinstance(call.arguments[0], torch.nn.Parameter)
        if call.phase == "evaluate" and written and (in_place or call.name == "data.__set__"):
            return call.location
    steps = trace.recorder.of_kind("step", "evaluate")
    return steps[0].location if steps else None
