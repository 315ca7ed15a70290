"""Properties that a model, a collate function or a tokenizer should have, as assertions.

Made for `pytest_mlregress.strategies`::

    @given(batches(((4, 8), 3), size=(1, 6)))
    def test_examples_do_not_mix(batch):
        assert_batch_size_independent(model, batch)

Each raises `AssertionError` with shapes, the first wrong place and the largest difference. The
model is put into evaluation mode for the call, its mode and the random state are restored.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.seeding import RandomState

RELATIVE, ABSOLUTE = 1e-4, 1e-5


def assert_batch_permutation_equivariant(
    function: Callable[[Any], Any], batch: Any, permutation: torch.Tensor | None = None
) -> None:
    """Reordering the examples reorders the outputs, and does nothing else.

    Args:
        function: a model, or any function of the batch.
        batch: a pytree of tensors with a common first axis.
        permutation: of that axis; None reverses it.
    """
    count = _examples(batch)
    order = torch.arange(count - 1, -1, -1) if permutation is None else permutation
    with _evaluating(function):
        expected = _select(function(batch), order)
        _assert_equal("permuting the batch", function(_select(batch, order)), expected)


def assert_batch_size_independent(function: Callable[[Any], Any], batch: Any) -> None:
    """Each example alone has the output that it has in the batch."""
    with _evaluating(function):
        together = function(batch)
        for index in range(_examples(batch)):
            row = torch.tensor([index])
            _assert_equal(
                f"example {index} alone", function(_select(batch, row)), _select(together, row)
            )


def assert_padding_invariant(
    function: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    ids: torch.Tensor,
    mask: torch.Tensor,
    *,
    padding: int = 0,
    extra: int = 2,
) -> None:
    """More padding changes nothing at the tokens.

    Args:
        function: ``function(ids, mask)`` gives (N, …), or per token (N, T, …).
        ids: (N, T) token ids.
        mask: (N, T) bool, True where a token is.
        padding: the id to pad with.
        extra: how many columns of padding to add.
    """
    wide_ids = nn.functional.pad(ids, (0, extra), value=padding)
    wide_mask = nn.functional.pad(mask, (0, extra), value=False)
    with _evaluating(function):
        narrow, wide = function(ids, mask), function(wide_ids, wide_mask)
        if narrow.dim() > 1 and narrow.shape[1] == ids.shape[1] and wide.shape != narrow.shape:
            narrow, wide = narrow[mask], wide[:, : ids.shape[1]][mask]
        _assert_equal(f"{extra} more columns of padding", wide, narrow)


def assert_round_trip(
    encode: Callable[[Any], Any], decode: Callable[[Any], Any], value: Any
) -> None:
    """``decode(encode(value))`` is the value: tensors to rounding, anything else exactly."""
    with _evaluating(encode, decode):
        encoded = encode(value)
        _assert_equal("decode(encode(value))", decode(encoded), value)


def assert_deterministic(function: Callable[[Any], Any], batch: Any, *, seed: int = 0) -> None:
    """Two calls under one seed give equal bits."""
    with _evaluating(function):
        results = []
        for _ in range(2):
            torch.manual_seed(seed)
            results.append(function(pytrees.fresh(batch)))
        _assert_equal("the second call", results[1], results[0], exact=True)


def _examples(batch: Any) -> int:
    sizes = {t.shape[0] for t in pytrees.tensors(batch) if t.dim() > 0}
    if len(sizes) != 1:
        raise ValueError(
            f"the tensors of the batch must have one common first axis, theirs are {sorted(sizes)}"
        )
    return int(sizes.pop())


def _select(batch: Any, rows: torch.Tensor) -> Any:
    return pytrees.map_tensors(lambda t: t[rows] if t.dim() else t, batch)


@contextlib.contextmanager
def _evaluating(*functions: Any) -> Iterator[None]:
    """Evaluation mode and no gradients; modes and random state are restored."""
    models = [f for f in functions if isinstance(f, nn.Module)]
    modes = [(module, module.training) for model in models for module in model.modules()]
    state = RandomState.now()
    try:
        for model in models:
            model.eval()
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
        state.restore()


def _assert_equal(what: str, given: Any, expected: Any, *, exact: bool = False) -> None:
    pairs = list(zip(pytrees.leaves(given), pytrees.leaves(expected), strict=False))
    if len(list(pytrees.leaves(given))) != len(list(pytrees.leaves(expected))):
        raise AssertionError(f"{what} gives another structure: {given!r} for {expected!r}")
    for (path, left), (_, right) in pairs:
        where = "".join(f"[{key!r}]" for key in path)
        if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
            _assert_close(f"{what}{where}", left, right, exact)
        elif left != right:
            raise AssertionError(f"{what}{where} gives {left!r} for {right!r}")


def _assert_close(what: str, given: torch.Tensor, expected: torch.Tensor, exact: bool) -> None:
    if given.shape != expected.shape:
        raise AssertionError(f"{what} gives shape {tuple(given.shape)} for {tuple(expected.shape)}")
    one, other = given.double(), expected.double()
    if exact:
        wrong = (one != other) & ~(one.isnan() & other.isnan())
    else:
        wrong = ~torch.isclose(one, other, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
    if bool(wrong.any()):
        place = tuple(wrong.nonzero()[0].tolist())
        raise AssertionError(
            f"{what} gives {one[place]:.6g} for {other[place]:.6g} at {place} of shape "
            f"{tuple(given.shape)}; {int(wrong.sum())} of {wrong.numel()} elements differ, by up "
            f"to {float((one - other)[wrong].abs().max()):.3g}"
        )
