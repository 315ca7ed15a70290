"""Examples of a batch that see each other."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from pytest_mlregress.bughunt.catalogue.leakage import BATCH_LEAK
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.changed_rows import changes_outside, first_leaking_call
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.batch_resizing import Examples
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.replays import Replay, replay, resized, shared
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import ALONG_A_SEQUENCE
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree

EXAMPLE = 1


@check(BATCH_LEAK, cost="replay")
def batch_leak(context: HuntContext) -> Iterator[Finding]:
    """The model's output for one example changes when another example is replaced.

    With batch norm at rest, and never judged by the loss, which may compare examples. Allowed is
    any change at the example's own place along any axis of examples: N x N logits pass. Reported
    at the first call where the change spread, if that lies inside of a module and spreads
    smoothly: what spreads by integers (routing with a capacity, sorting) may be meant.
    """
    base, examples = resized(context)
    other = replaced(context)
    moved = _moved_outputs(base, other, examples)
    if not moved:
        return
    spread = first_leaking_call(base.calls, other.calls, examples.count, EXAMPLE)
    if spread is None or spread[0].module is None:
        raise CannotTell("the examples meet outside of the model's modules")
    call, output = spread
    _require_mixing(base, call, output, examples)
    if any(f.check == "view-instead-of-permute" and _same(f, call) for f in context.findings):
        return  # the regrouping is what mixes them, and it is reported
    shape, share = moved[0]
    yield BATCH_LEAK.finding(
        module=call.module,
        location=call.location,
        evidence=f"replacing example {EXAMPLE} of {examples.count} moves {share:.0%} of the other "
        f"examples' entries in the output of shape {shape}; {call.name} spreads it",
    )


@shared
def replaced(context: HuntContext) -> Replay:
    """The resized replay with one example's tensors replaced by those of another example."""
    base, examples = resized(context)
    reason = CannotTell("all examples are equal")
    for source in _sources(base.batch, examples):
        rows = torch.arange(examples.count)
        rows[EXAMPLE] = source
        try:
            other = replay(context, examples.select(pytrees.fresh(base.batch), rows))
        except CannotTell as failure:
            reason = failure
            continue
        if [o.shape for o in other.outputs] == [o.shape for o in base.outputs]:
            return other
        reason = CannotTell("the shapes of the output depend on the content of the batch")
    raise reason


def _sources(batch: PyTree, examples: Examples) -> list[int]:
    """Examples to put in its place: the most different first, then the most alike."""

    def differing(row: int) -> int:
        return sum(
            bool((tensor[row] != tensor[EXAMPLE]).any()) for _, tensor in examples.rows(batch)
        )

    others = [row for row in range(examples.count) if row != EXAMPLE and differing(row)]
    ranked = sorted(others, key=differing, reverse=True)
    return list(dict.fromkeys([*ranked[:1], *ranked[-1:]]))


def _moved_outputs(
    base: Replay, other: Replay, examples: Examples
) -> list[tuple[tuple[int, ...], float]]:
    """Shapes of the outputs in which other examples changed, and which share of their entries."""
    if not any(
        size % examples.count == 0 for output in base.outputs for size in output.shape if size
    ):
        raise CannotTell("no output of the model has an axis of examples")
    found: list[tuple[tuple[int, ...], float]] = []
    for one, two in zip(base.outputs, other.outputs, strict=True):
        outside = changes_outside(one, two, examples.count, EXAMPLE)
        if outside is not None and bool(outside.any()):
            found.append((tuple(one.shape), float(outside.double().mean())))
    return found


def _require_mixing(
    base: Replay, call: RecordedCall, output: torch.Tensor, examples: Examples
) -> None:
    """Raise `CannotTell` where a spread may be meant."""
    whole = not output.is_floating_point() or bool((output == output.round()).all())
    if whole:
        raise CannotTell("examples influence each other by counting or sorting only")
    if _maybe_one_sequence(base, examples) and _walks(call, output, examples):
        raise CannotTell("the first axis of the batch may be time")


def _maybe_one_sequence(base: Replay, examples: Examples) -> bool:
    """Whether the batch could be one sequence, or time-major tokens: no tensor has three axes.

    Rows of tokens with one number each (a label, a length) are examples.
    """
    rows = [tensor[0] for _, tensor in examples.rows(base.batch)]
    tokens = any(row.dim() == 1 and not row.is_floating_point() for row in rows)
    return all(row.dim() < 2 for row in rows) and not (
        tokens and any(row.dim() == 0 for row in rows)
    )


def _walks(call: RecordedCall, output: torch.Tensor, examples: Examples) -> bool:
    """Whether a call is what sequence models do along time."""
    square = sum(size == examples.count for size in output.shape) > 1
    return any(name in call.name for name in ALONG_A_SEQUENCE) or (
        "softmax" in call.name and square
    )


def _same(finding: Finding, call: RecordedCall) -> bool:
    return finding.location == call.location
