"""Targets that belong to other examples than the predictions which they are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pytest_mlregress.bughunt.catalogue.leakage import SHUFFLED_LABELS
from pytest_mlregress.bughunt.checks.leakage.batch_leak import EXAMPLE, replaced
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.changed_rows import changed
from pytest_mlregress.bughunt.recording.prediction_target_pairs import (
    PredictionTargetPair,
    find_pairs,
)
from pytest_mlregress.bughunt.recording.tensor_origins import Provenance
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.batch_resizing import Examples
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.replays import (
    base_batch,
    resized,
    until_update,
)
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import REORDERINGS
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree


@dataclass(frozen=True)
class Run:
    """The pairs of one run, and which call made which tensor."""

    pairs: list[PredictionTargetPair]
    provenance: Provenance


@check(SHUFFLED_LABELS, cost="replay")
def shuffled_labels(context: HuntContext) -> Iterator[Finding]:
    """Replacing one example moves its target in one row and its prediction in another.

    Looked at in ``loss_fn`` and in ``train_step``, where predictions meet targets; rows whose
    targets move must be among those whose predictions move. Mixed targets (mixup, label noise)
    keep that, and so do sorting and shuffling of both.
    """
    if any(f.check in ("view-instead-of-permute", "batch-leak") for f in context.findings):
        raise CannotTell("examples are mixed already by what another check reports")
    base, examples = resized(context)
    other = replaced(context)
    one = Run(find_pairs(base.calls, base.from_model, base.from_data), base.provenance)
    two = Run(find_pairs(other.calls, other.from_model, other.from_data), other.provenance)
    found = list(_judge(one, two, examples, EXAMPLE))
    if not found and context.program.train_step is not None:
        found = list(_in_step(context))
    yield from found[:1]


def _in_step(context: HuntContext) -> Iterator[Finding]:
    """Two examples in turn: a shuffle may leave one of them where it is."""
    batch, examples = base_batch(context)
    one = _step(context, pytrees.fresh(batch))
    for example in (EXAMPLE, EXAMPLE + 1):
        rows = torch.arange(examples.count)
        rows[example] = _unlike(batch, examples, example)
        two = _step(context, examples.select(pytrees.fresh(batch), rows))
        found = list(_judge(one, two, examples, example))
        yield from found
        if found:
            return


def _unlike(batch: PyTree, examples: Examples, example: int) -> int:
    tensors = [tensor for _, tensor in examples.rows(batch)]
    for row in range(examples.count):
        if all(bool((tensor[row] != tensor[example]).any()) for tensor in tensors):
            return row
    raise CannotTell("no example differs from another in every tensor")


def _step(context: HuntContext, batch: PyTree) -> Run:
    step = until_update(context, batch)
    return Run(find_pairs(step.calls, step.from_model, step.from_data), step.provenance)


def _judge(one: Run, two: Run, examples: Examples, example: int) -> Iterator[Finding]:
    if len(one.pairs) != len(two.pairs):
        return
    for pair, other in zip(one.pairs, two.pairs, strict=True):
        if pair.target.shape != other.target.shape or pair.target.dim() == 0:
            continue
        if pair.prediction.shape != other.prediction.shape:
            continue
        if len(pair.target) % examples.count:
            continue
        targets = changed(pair.target, other.target).flatten()
        predictions = changed(pair.prediction, other.prediction).any(-1)
        if _elsewhere(targets, predictions, pair.target):
            places = [_rows(moved, pair.target) for moved in (targets, predictions)]
            evidence = f"replacing example {example} of {examples.count} moves the target in row "
            evidence += f"{places[0]} and the prediction in row {places[1]}"
            yield _finding(one, pair, evidence)


def _elsewhere(targets: torch.Tensor, predictions: torch.Tensor, target: torch.Tensor) -> bool:
    """Whether both moved, and most targets did so in rows where no prediction moved."""
    inner = target[0].numel()
    rows_of_targets = targets.view(-1, inner).any(1)
    rows_of_predictions = predictions.view(-1, inner).any(1)
    lost = rows_of_targets & ~rows_of_predictions
    both = bool(rows_of_targets.any()) and bool(rows_of_predictions.any())
    return both and int(lost.sum()) * 2 > int(rows_of_targets.sum())


def _rows(moved: torch.Tensor, target: torch.Tensor) -> str:
    rows = sorted(set((moved.nonzero().flatten() // target[0].numel()).tolist()))
    return ", ".join(map(str, rows[:3])) + (", …" if len(rows) > 3 else "")


def _finding(run: Run, pair: PredictionTargetPair, evidence: str) -> Finding:
    return SHUFFLED_LABELS.finding(
        location=_reordered_at(run, pair),
        evidence=f"{evidence} of {pair.call.name} at {pair.call.location}",
    )


def _reordered_at(run: Run, pair: PredictionTargetPair) -> str | None:
    """The line that last reordered the target, else that of the pair."""
    operands = pytrees.tensors((pair.call.arguments, pair.call.keywords))
    for operand in operands[:2]:
        if operand.data_ptr() != pair.target.data_ptr():
            continue
        for call in run.provenance.behind(operand, pair.call):
            if call.name in REORDERINGS:
                return call.location
    return pair.call.location
