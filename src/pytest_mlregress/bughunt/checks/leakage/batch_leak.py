"""Examples of a batch that see each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch

from pytest_mlregress.bughunt.catalogue.leakage import BATCH_LEAK
from pytest_mlregress.bughunt.errors import CannotTell, OverBudget
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.changed_rows import (
    changed,
    changes_outside,
    first_leaking_call,
)
from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.batch_resizing import Examples
from pytest_mlregress.bughunt.replaying.fixed_values import FixedChoices
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.replays import (
    Replay,
    base_batch,
    replay,
    resized,
    shared,
)
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import (
    ALONG_A_SEQUENCE,
    DEVIATIONS,
    ELEMENTWISE,
    JOINS,
    PRODUCTS_OF_ROWS,
    RANKINGS,
    SHAPE,
)
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree

EXAMPLE = 1


def _none(call: RecordedCall) -> bool:
    return False


@dataclass(frozen=True)
class _Pair:
    """Two replays that differ in one example.

    Attributes:
        base, other: the replays.
        examples: of their batches.
        resized: whether their number of examples is no other size of the program.
    """

    base: Replay
    other: Replay
    examples: Examples
    resized: bool

    def again(self, context: HuntContext, mode: FixedChoices | None = None) -> _Pair:
        """The same after a first pass over the batch, in eval mode throughout."""
        runs: list[Replay] = []
        for run in (self.base, self.other):
            if mode is not None and runs:
                mode.rewind()
            first = pytrees.fresh(self.base.batch)
            runs.append(replay(context, pytrees.fresh(run.batch), mode=mode, first=first))
        return replace(self, base=runs[0], other=runs[1])


@check(BATCH_LEAK, cost="replay")
def batch_leak(context: HuntContext) -> Iterator[Finding]:
    """The model's output for one example changes when another example is replaced.

    With batch norm at rest, and never judged by the loss, which may compare examples. Allowed is
    any change at the example's own place along any axis of examples: N x N logits pass. Reported
    at the first call where the change spread, if that lies inside of a module. Before that, both
    runs are made again after a first pass, which data-dependent initialisation needs, in eval mode
    throughout, and with all integers held fixed: routing with a capacity and sorting may be
    intended.
    """
    pair = _pair(context)
    if not _moved_outputs(pair):
        return
    pair = pair.again(context)
    if not _moved_outputs(pair):
        return
    spread = _first_spread(pair)
    passed = _is_choice if _is_whole(spread[1]) else _none
    if passed is _is_choice:
        pair = pair.again(context, FixedChoices())
        if not _moved_outputs(pair):
            raise CannotTell("examples influence each other by counting or sorting only")
        spread = _first_spread(pair, passed)
    call, output = spread
    _require_mixing(context, pair, call, output)
    if any(f.check == "view-instead-of-permute" and _same(f, call) for f in context.findings):
        return  # the regrouping is what mixes them, and it is reported
    shape, share = _moved_outputs(pair)[0]
    yield BATCH_LEAK.finding(
        module=call.module,
        location=call.location,
        evidence=f"replacing example {EXAMPLE} of {pair.examples.count} moves {share:.0%} of the "
        f"other examples' entries in the output of shape {shape}; {call.name} spreads it",
    )


def _pair(context: HuntContext) -> _Pair:
    """The runs with and without a replaced example, at another number of examples if possible."""
    try:
        base, examples = resized(context)
    except OverBudget:
        raise
    except CannotTell:
        batch, examples = base_batch(context)
        base = replay(context, pytrees.fresh(batch))
        return _Pair(base, _with_replaced(context, base, examples), examples, resized=False)
    return _Pair(base, replaced(context), examples, resized=True)


def _first_spread(
    pair: _Pair, passed: Callable[[RecordedCall], bool] = _none
) -> tuple[RecordedCall, torch.Tensor]:
    calls, others = pair.base.calls, pair.other.calls
    spread = first_leaking_call(calls, others, pair.examples.count, EXAMPLE, passed)
    if spread is None or spread[0].module is None:
        raise CannotTell("the examples meet outside of the model's modules")
    return spread


@shared
def replaced(context: HuntContext) -> Replay:
    """The resized replay with one example's tensors replaced by those of another example."""
    base, examples = resized(context)
    return _with_replaced(context, base, examples)


def _with_replaced(context: HuntContext, base: Replay, examples: Examples) -> Replay:
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


def _moved_outputs(pair: _Pair) -> list[tuple[tuple[int, ...], float]]:
    """Shapes of the outputs in which other examples changed, and which share of their entries.

    At the user's own number of examples an axis may have that size by chance: only the first one
    is that of the examples, and only where there is another.
    """
    count, base = pair.examples.count, pair.base
    if not any(size % count == 0 for output in base.outputs for size in output.shape if size):
        raise CannotTell("no output of the model has an axis of examples")
    found: list[tuple[tuple[int, ...], float]] = []
    for one, two in zip(base.outputs, pair.other.outputs, strict=True):
        if not pair.resized and (one.dim() < 2 or len(one) != count):
            continue
        outside = changes_outside(one, two, count, EXAMPLE)
        if outside is not None and bool(outside.any()):
            found.append((tuple(one.shape), float(outside.double().mean())))
    return found


def _is_choice(call: RecordedCall) -> bool:
    """Whether a call gives integers, or values picked by them, that `FixedChoices` holds."""
    outputs = pytrees.tensors(call.output)
    return call.name in RANKINGS or any(map(_is_whole, outputs))


def _is_whole(output: torch.Tensor) -> bool:
    if output.is_complex() or output.layout != torch.strided:
        return False
    return not output.is_floating_point() or bool((output == output.round()).all())


def _require_mixing(
    context: HuntContext, pair: _Pair, call: RecordedCall, output: torch.Tensor
) -> None:
    """Raise `CannotTell` where a spread may be intended."""
    if _maybe_one_sequence(pair) and _walks(call, output, pair.examples):
        raise CannotTell("the first axis of the batch may be time")
    if not pair.resized and _maybe_one_sequence(pair):
        raise CannotTell("a batch of one size, of rows of one axis, may be a sequence or a graph")
    if _links_places(pair, call):
        raise CannotTell("the model links the rows of a batch by their place, as nodes of a graph")
    if _is_appended_statistic(pair, call, output):
        raise CannotTell("a statistic of the batch is one more feature of each example")
    if _from_running_state(context, pair, call):
        raise CannotTell("examples influence each other by running statistics only")


def _links_places(pair: _Pair, call: RecordedCall) -> bool:
    """Whether rows meet by a matrix or an index that the model holds for all of its places."""
    count = pair.examples.count
    for held in inputs(call):
        if id(held) in pair.base.from_data:
            continue
        index = not held.is_floating_point() and not held.is_complex() and held.dim() > 0
        if index and pair.base.provenance.producer(held, call) is None:
            return True
        if not pair.resized and call.name in PRODUCTS_OF_ROWS and count in held.shape:
            return True
    return False


def _is_appended_statistic(pair: _Pair, call: RecordedCall, output: torch.Tensor) -> bool:
    """Whether a spread or distance of all examples is joined to the features of each.

    So discriminators see that their batch has no variety: minibatch discrimination (Salimans et
    al. 2016), the minibatch standard deviation (Karras et al. 2018).
    """
    provenance, count = pair.base.provenance, pair.examples.count
    behind = [one for given in inputs(call) for one in provenance.behind(given, call)]
    measured = any(
        one.name in DEVIATIONS
        or any(tensor.shape[:2] == (count, count) for tensor in pytrees.tensors(one.output))
        for one in (call, *behind)
    )
    return measured and _only_joined(pair, output, call, 0)


def _only_joined(pair: _Pair, tensor: torch.Tensor, after: RecordedCall, depth: int) -> bool:
    """Whether all that becomes of a tensor is that it is joined to features."""
    readers = [
        c
        for c in pair.base.provenance.readers(tensor)
        if c.order > after.order and pytrees.tensors(c.output)
    ]
    if not readers or depth > 4:
        return False
    for reader in readers:
        if reader.name in JOINS:
            if reader.argument(1, "dim", 0) == 0:
                return False
        elif not (
            (reader.name.strip("_") in ELEMENTWISE or reader.name in SHAPE)
            and isinstance(reader.output, torch.Tensor)
            and len(inputs(reader)) == 1
            and _only_joined(pair, reader.output, reader, depth + 1)
        ):
            return False
    return True


def _from_running_state(context: HuntContext, pair: _Pair, call: RecordedCall) -> bool:
    """Whether examples meet by statistics that the model keeps from batch to batch.

    They stand in its buffers, and depend on the batches before.
    """
    kept = {
        id(one)
        for one, two in zip(_state(pair.base), _state(pair.other), strict=True)
        if one.shape == two.shape and bool(changed(one, two).any())
    }
    if not kept or not _is_made_of(pair, call, kept):
        return False
    history = pytrees.fresh(pair.other.batch)
    other = replay(context, pytrees.fresh(pair.base.batch), first=history)
    return any(
        one.shape == two.shape and bool(changed(one, two).any())
        for one, two in zip(pair.base.outputs, other.outputs, strict=False)
    )


def _state(run: Replay) -> list[torch.Tensor]:
    return [*run.model.buffers(), *run.model.parameters()]


def _is_made_of(pair: _Pair, call: RecordedCall, kept: set[int]) -> bool:
    """Whether a call is given a kept tensor, or one made of it that has no axis of examples."""
    seen: set[int] = set()
    queue = [(tensor, call) for tensor in inputs(call)]
    while queue:
        tensor, reader = queue.pop()
        if id(tensor) in kept:
            return True
        producer = pair.base.provenance.producer(tensor, reader)
        if producer is None or producer.order in seen:
            continue
        if not any(size % pair.examples.count == 0 for size in tensor.shape if size):
            seen.add(producer.order)
            queue += [(behind, producer) for behind in inputs(producer)]
    return False


def _maybe_one_sequence(pair: _Pair) -> bool:
    """Whether the batch could be one sequence, or time-major tokens: no tensor has three axes.

    Rows of tokens with one number each (a label, a length) are examples.
    """
    rows = [tensor[0] for _, tensor in pair.examples.rows(pair.base.batch)]
    tokens = any(row.dim() == 1 and not row.is_floating_point() for row in rows)
    return all(row.dim() < 2 for row in rows) and not (
        tokens and any(row.dim() == 0 for row in rows)
    )


def _walks(call: RecordedCall, output: torch.Tensor, examples: Examples) -> bool:
    """Whether a call is what sequence models do along time."""
    square = sum(size == examples.count for size in output.shape) > 1
    steps = call.name in JOINS | {"stack"} and len(inputs(call)) == examples.count
    return (
        steps
        or any(name in call.name for name in ALONG_A_SEQUENCE)
        or ("softmax" in call.name and square)
    )


def _same(finding: Finding, call: RecordedCall) -> bool:
    return finding.location == call.location
