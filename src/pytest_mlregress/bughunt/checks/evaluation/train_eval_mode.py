"""Training and evaluation mode: which modules ran in which, and when."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from pytest_mlregress.bughunt.catalogue.evaluation import MISSING_EVAL_MODE, MISSING_TRAIN_MODE
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.recorder import Event, RecordedCall, Recorder
from pytest_mlregress.bughunt.recording.source_lines import of_function
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext, StepTrace
from pytest_mlregress.bughunt.replaying.replays import reached
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.module_modes import (
    BATCH_NORM_MODULES,
    DROPOUT_MODULES,
    is_mode_sensitive,
)
from pytest_mlregress.bughunt.torch_api.operators import DROPOUTS


@check(MISSING_TRAIN_MODE)
def missing_train_mode(context: HuntContext) -> Iterator[Finding]:
    """Mode-sensitive modules train in evaluation mode: always, or once evaluate() was called.

    Frozen batch norm, put into evaluation mode in every step while the model itself trains, is
    not a mistake. Without a train_step, the loop that is not seen may call train() itself, so
    that an evaluate() that leaves evaluation mode behind is a warning only.
    """
    if context.program.train_step is None:
        yield from _left_behind(context)
        return
    trace = context.step_trace
    training = _modes(trace, trace.phases)
    if training and not any(training.values()) and _root_evaluates(trace):
        yield _trains_in_eval(context, training)
    after = _modes(trace, ["after"])
    lost = sorted(n for n, mode in after.items() if not mode and training.get(n, False))
    if lost:
        culprit = _switch(trace, "evaluate")
        yield MISSING_TRAIN_MODE.finding(
            "after evaluate",
            module=lost[0],
            location=_switch(trace, "after")
            or _switch(trace, "evaluate", to=True)
            or of_function(context.program.train_step),
            evidence=f"{len(lost)} of {len(after)} mode-sensitive modules ran in training mode "
            f"before evaluate() and in evaluation mode after it"
            + (f"; the mode is last changed at {culprit}" if culprit else ""),
        )
    elif trace.evaluation is not None:
        yield from _left_mixed(trace)


def _left_behind(context: HuntContext) -> Iterator[Finding]:
    """evaluate() leaves modules in evaluation mode that it found in training mode.

    Raises:
        CannotTell: there is neither a train_step nor an evaluate.
    """
    if context.program.evaluate is None:
        raise CannotTell("needs train_step or evaluate")
    trace = context.training_trace
    training, after = _modes(trace, trace.phases), _modes(trace, ["after"])
    left = sorted(n for n, mode in after.items() if not mode and training.get(n, False))
    if left:
        yield MISSING_TRAIN_MODE.finding(
            "left by evaluate",
            module=left[0],
            location=_switch(trace, "evaluate") or of_function(context.program.evaluate),
            evidence=f"{len(left)} of {len(after)} mode-sensitive modules ran in training mode "
            "before evaluate() and in evaluation mode after it; no train_step was given that "
            "would show whether the training calls model.train()",
        )


def _left_mixed(trace: StepTrace) -> Iterator[Finding]:
    """evaluate() finds everything in training mode and leaves a mixture of the two."""
    assert trace.evaluation is not None
    before, after = trace.evaluation
    names = list(_modes(trace, trace.phases))
    left = [n for n in names if not after.training[n]]
    if left and all(before.training[n] for n in names) and any(after.training.values()):
        yield MISSING_TRAIN_MODE.finding(
            "restored in part",
            module=left[0],
            location=_switch(trace, "evaluate"),
            evidence=f"{len(left)} of {len(names)} mode-sensitive modules stay in evaluation mode",
        )


@check(MISSING_EVAL_MODE)
def missing_eval_mode(context: HuntContext) -> Iterator[Finding]:
    """Mode-sensitive modules run in training mode during evaluate().

    A dropout that alone is in training mode, below a model in evaluation mode, is Monte-Carlo
    dropout and intended.
    """
    if context.program.evaluate is None:
        yield from _functional_layers(context, _evaluation_of_loss(context), "evaluation")
        return
    trace = context.training_trace
    model = trace.isolated.model
    wrong = sorted(
        name
        for name, mode in _modes(trace, ["evaluate"]).items()
        if mode
        and (_parent_trains(trace, name) or isinstance(_at(model, name), BATCH_NORM_MODULES))
    )
    if wrong:
        yield MISSING_EVAL_MODE.finding(
            module=wrong[0],
            location=_switch(trace, "evaluate", before=_first_run(trace, wrong))
            or of_function(context.program.evaluate),
            evidence=f"{len(wrong)} modules ran in training mode during evaluate(): "
            + ", ".join(f"{n} ({type(_at(model, n)).__name__})" for n in wrong[:3]),
        )
    yield from _functional_layers(context, trace.recorder, "evaluate")


def _functional_layers(context: HuntContext, recorder: Recorder, phase: str) -> Iterator[Finding]:
    for call in recorder.calls:
        if call.phase != phase or call.training is not False or not _acts_as_in_training(call):
            continue
        layer = _unregistered(recorder, call)
        if layer is not None:
            if not (_put_into_training(recorder, layer, call) and _repeats(recorder, phase)):
                yield _unreachable(context, layer, call)
        elif call.name == "batch_norm":
            if _joins_examples(context, call):
                yield _batch_statistics(call)
        elif not (_asks_for_noise(call) and _repeats(recorder, phase)):
            yield MISSING_EVAL_MODE.finding(
                "functional dropout",
                module=call.module,
                location=call.location,
                evidence=f"p = {_rate(call):g} with module.training = False",
                call=call.name,
            )


def _acts_as_in_training(call: RecordedCall) -> bool:
    if call.name == "batch_norm":
        return call.argument(5, "training") is True
    return _drops(call)


def _unregistered(recorder: Recorder, call: RecordedCall) -> nn.Module | None:
    """The layer that made a call, if the model does not know it: ``eval()`` never reaches it."""
    layer = call.innermost
    kinds = BATCH_NORM_MODULES if call.name == "batch_norm" else DROPOUT_MODULES
    found = isinstance(layer, kinds) and layer.training and recorder.name_of(layer) is None
    return layer if found else None


def _put_into_training(recorder: Recorder, layer: nn.Module, call: RecordedCall) -> bool:
    """Whether the user's code called ``train()`` on a layer before it ran."""
    modes = [e for e in recorder.of_kind("mode") if e.subject is layer and e.order < call.order]
    return bool(modes) and modes[-1].detail is True


def _unreachable(context: HuntContext, layer: nn.Module, call: RecordedCall) -> Finding:
    owner = type(_at(context.loss_trace.isolated.model, call.module or "")).__name__
    return MISSING_EVAL_MODE.finding(
        "unregistered",
        module=call.module,
        location=call.location,
        evidence=f"training = True in {layer}, training = False in the {owner} that runs it",
        layer=type(layer).__name__,
        kind=owner,
    )


def _joins_examples(context: HuntContext, call: RecordedCall) -> bool:
    """Whether a batch norm takes statistics over examples.

    Without running statistics it may as well standardise weights, or, with all else moved to the
    axis of channels, normalise each example by itself. Looked up where the loss ran that line.
    """
    trace = context.loss_trace
    alike = [t for t in trace.calls if (t.name, t.location) == (call.name, call.location)]
    data = reached(trace.calls, pytrees.tensors(trace.isolated.batch)) if alike else set()
    return not alike or any(
        isinstance(other.argument(1, "running_mean"), torch.Tensor)
        or (id(given) in data and given.shape[0] > 1)
        for other in alike
        for given in inputs(other)[:1]
    )


def _batch_statistics(call: RecordedCall) -> Finding:
    return MISSING_EVAL_MODE.finding(
        "functional batch norm",
        module=call.module,
        location=call.location,
        evidence="training = True with module.training = False",
    )


def _evaluation_of_loss(context: HuntContext) -> Recorder:
    """A recording of the loss with the model in evaluation mode.

    Raises:
        CannotTell: loss_fn chooses the mode by itself.
    """
    recorder = Recorder(keep_tensors=False, phase="evaluation")
    with context.isolated_run(recorder=recorder) as isolated:
        isolated.model.eval()
        isolated.phase("evaluation")
        isolated.loss()
    if any(e.phase == "evaluation" and e.detail for e in recorder.of_kind("mode")):
        raise CannotTell("needs evaluate: loss_fn itself calls train()")
    return recorder


def _drops(call: RecordedCall) -> bool:
    if call.name == "scaled_dot_product_attention":
        return _rate(call) > 0
    if call.name not in DROPOUTS:
        return False
    default = "alpha" not in call.name
    return _rate(call) > 0 and call.argument(2, "training", default) is True


def _rate(call: RecordedCall) -> float:
    if call.name == "scaled_dot_product_attention":
        given = call.argument(4, "dropout_p", 0.0)
    else:
        given = call.argument(1, "p", 0.5)
    return float(given) if isinstance(given, int | float) else 0.0


def _asks_for_noise(call: RecordedCall) -> bool:
    return call.keywords.get("training") is True or len(call.arguments) > 2


def _repeats(recorder: Recorder, phase: str) -> bool:
    """Whether the model runs several times from one place, as Monte-Carlo dropout does."""
    runs = [e.location for e in _forwards(recorder, phase) if recorder.name_of(e.subject) == ""]
    return len(runs) > len(set(runs)) + 1


def _forwards(recorder: Recorder, phase: str) -> list[Event]:
    return recorder.of_kind("forward", phase)


def _used_forwards(trace: StepTrace, phase: str) -> list[Event]:
    """The runs of modules in a phase that its backward passes use; all where there is none.

    What else runs measures something, in evaluation mode if need be.
    """
    used = {run for b in trace.log.backwards if b.phase == phase for run in b.runs}
    return [e for e in _forwards(trace.recorder, phase) if not used or e.detail.run in used]


def _modes(trace: StepTrace, phases: list[str]) -> dict[str, bool]:
    """The last mode in which each mode-sensitive module of the model ran, as far as it was used."""
    modes: dict[str, bool] = {}
    for phase in phases:
        for event in _used_forwards(trace, phase):
            name = trace.recorder.name_of(event.subject)
            if name is not None and is_mode_sensitive(event.subject):
                modes[name] = event.detail.training
    return modes


def _root_evaluates(trace: StepTrace) -> bool:
    """Whether the model as a whole, not only some layers of it, trains in evaluation mode."""
    runs = [
        event.detail.training
        for phase in trace.phases
        for event in _used_forwards(trace, phase)
        if trace.recorder.name_of(event.subject) == ""
    ]
    return not any(runs or [state.training[""] for state in trace.states[1:]])


def _trains_in_eval(context: HuntContext, modules: dict[str, bool]) -> Finding:
    trace = context.step_trace
    switch = next(filter(None, (_switch(trace, p) for p in trace.phases)), None)
    return MISSING_TRAIN_MODE.finding(
        module=min(modules),
        location=switch or of_function(context.program.train_step),
        evidence=f"all {len(modules)} mode-sensitive modules had training = False in "
        f"{trace.count} steps",
    )


def _switch(
    trace: StepTrace, phase: str, before: int | None = None, to: bool | None = None
) -> str | None:
    """Where the model's mode was last changed in a phase (before a moment, to a mode)."""
    events = [
        e
        for e in trace.recorder.of_kind("mode", phase)
        if trace.recorder.name_of(e.subject) is not None
        and (before is None or e.order < before)
        and to in (None, e.detail)
    ]
    return events[-1].location if events else None


def _first_run(trace: StepTrace, names: list[str]) -> int:
    runs = _forwards(trace.recorder, "evaluate")
    return min(e.order for e in runs if trace.recorder.name_of(e.subject) in names)


def _parent_trains(trace: StepTrace, name: str) -> bool:
    parents = [_at(trace.isolated.model, name.rpartition(".")[0])] if name else []
    if not parents:
        return True
    modes = [
        e.detail.training for e in _forwards(trace.recorder, "evaluate") if e.subject in parents
    ]
    assert trace.evaluation is not None
    return modes[-1] if modes else _root_trained(trace)


def _root_trained(trace: StepTrace) -> bool:
    runs = [
        e.detail.training
        for e in _forwards(trace.recorder, "evaluate")
        if trace.recorder.name_of(e.subject) == ""
    ]
    return any(runs) or not runs


def _at(model: nn.Module, name: str) -> nn.Module:
    return model.get_submodule(name)
