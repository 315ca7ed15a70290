"""Data that a step changes behind the loader's back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from pytest_mlregress.bughunt.catalogue.evaluation import INPLACE_DATA_MUTATION
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.program.isolated_run import IsolatedRun, call
from pytest_mlregress.bughunt.recording.recorder import RecordedCall, Recorder
from pytest_mlregress.bughunt.recording.source_lines import caller
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree


@check(INPLACE_DATA_MUTATION, cost="replay")
def inplace_data_mutation(context: HuntContext) -> Iterator[Finding]:
    """The batch that went into a step, or into ``evaluate``, has other values afterwards.

    And other values again after the second time, so that each epoch sees data changed once more.
    A change that is the same the second time (clamping, setting padding to -100), a move to
    another device or type, and added or removed keys pass.
    """
    if context.program.train_step is not None:
        yield from _changes(context, "train_step", lambda isolated, batch: isolated.step(batch))
    else:
        yield from _changes(context, "loss_fn", lambda isolated, batch: isolated.loss(batch))
    if context.program.evaluate is not None and isinstance(
        context.program.val_batches, list | tuple
    ):
        yield from _evaluate_changes(context)


def _changes(
    context: HuntContext, name: str, run: Callable[[IsolatedRun, PyTree], object]
) -> Iterator[Finding]:
    batch = _watched(next(iter(context.program.training_batches(1))))
    yield from _twice(context, name, batch, run)


def _evaluate_changes(context: HuntContext) -> Iterator[Finding]:
    evaluate = context.program.evaluate
    assert evaluate is not None
    batches = [_watched(batch) for batch in context.program.validation_batches()[:2]]
    yield from _twice(
        context,
        "evaluate",
        batches,
        lambda isolated, b: call("evaluate", evaluate, isolated.model, b),
    )


def _twice(
    context: HuntContext, name: str, batch: PyTree, run: Callable[[IsolatedRun, PyTree], object]
) -> Iterator[Finding]:
    recorder = Recorder(phase="run")
    originals = pytrees.tensors(batch)
    before = _values(batch)
    with context.isolated_run(recorder=recorder) as isolated:
        run(isolated, batch)
        between = _values(batch)
        if not _differing(before, between):
            return
        run(isolated, batch)
    after = _values(batch)
    for path in _differing(before, between):
        if path in after and path in _differing(between, after):
            yield _finding(
                name, path, before[path], between[path], _line(batch, recorder, originals, path)
            )
            return


class _WatchedDict(dict[Any, Any]):
    """A dict that knows where its entries were last replaced."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.lines: dict[Any, str | None] = {}

    def __setitem__(self, key: Any, value: Any) -> None:
        self.lines.setdefault(key, caller())
        super().__setitem__(key, value)


def _watched(batch: PyTree) -> PyTree:
    return _WatchedDict(batch) if type(batch) is dict else batch


def _values(batch: PyTree) -> dict[pytrees.Path, torch.Tensor]:
    return {
        path: leaf.detach().clone()
        for path, leaf in pytrees.leaves(batch)
        if isinstance(leaf, torch.Tensor) and leaf.layout == torch.strided
    }


def _differing(
    one: dict[pytrees.Path, torch.Tensor], other: dict[pytrees.Path, torch.Tensor]
) -> list[pytrees.Path]:
    return [path for path in one if path in other and not _same(one[path], other[path])]


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype != other.dtype or one.device != other.device:
        return torch.allclose(one.double().cpu(), other.double().cpu(), rtol=1e-2, atol=1e-3)
    return torch.equal(one.nan_to_num(), other.nan_to_num())


def _line(
    batch: PyTree, recorder: Recorder, originals: list[torch.Tensor], path: pytrees.Path
) -> str | None:
    """Where an entry was replaced, or the first in-place call on memory of the batch."""
    holder = batch
    for key in path[:-1]:
        holder = holder[key]
    if isinstance(holder, _WatchedDict) and holder.lines.get(path[-1]) is not None:
        return holder.lines[path[-1]]
    memory = {tensor.untyped_storage().data_ptr() for tensor in originals}
    for made in recorder.calls:
        if _writes(made) and inputs(made)[0].untyped_storage().data_ptr() in memory:
            return made.location
    return None


def _writes(made: RecordedCall) -> bool:
    in_place = made.name.endswith("_") and not made.name.endswith("__")
    augmented = made.name.startswith("__i") and made.name.endswith("__")
    return bool(inputs(made)) and (in_place or augmented or made.name == "__setitem__")


def _finding(
    name: str, path: pytrees.Path, before: torch.Tensor, after: torch.Tensor, line: str | None
) -> Finding:
    entry = "".join(f"[{key!r}]" for key in path)
    detail = f"shape {tuple(before.shape)} became {tuple(after.shape)}"
    if before.shape == after.shape:
        gap = (before.double() - after.double()).abs().max().item()
        detail = f"it moved by up to {gap:.3g}"
    return INPLACE_DATA_MUTATION.finding(
        location=line,
        evidence=f"batch{entry}: {detail}, and moved again the second time",
        name=name,
    )
