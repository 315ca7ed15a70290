"""Validation data that was trained on."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch

from pytest_mlregress.bughunt.catalogue.leakage import TRAIN_VAL_LEAK
from pytest_mlregress.bughunt.errors import CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.batch_resizing import examples_of
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree

MOST_BATCHES = 200
SIGNIFICANCE = 1e-3
_WHOLE, _MEASURED = b"w", b"m"


@check(TRAIN_VAL_LEAK, needs=("train_batches", "val_batches"))
def train_val_leak(context: HuntContext) -> Iterator[Finding]:
    """More validation examples are bit-equal to training examples than the data explains.

    How often examples repeat by nature is read from the repeats within the training batches: of
    `n` training examples, `d` occur in another place too. That at least as many validation
    examples as were found have one, by the same rate, has the beta-binomial probability that
    must be below 0.001. Measured numbers, unlike tokens and counts, are not expected to repeat.
    Labels are left out where the examples have more than one number besides.
    """
    train = _keys(context.program.train_batches, "train_batches")
    val = _keys(context.program.val_batches, "val_batches")
    count = Counter(train)
    repeated = sum(count[key] > 1 for key in train)
    shared = [key in count for key in val]
    prior = 1.0 if all(key.startswith(_WHOLE) for key in train) else 0.05
    from scipy import stats  # takes longer to import than all of the hunt

    probability = stats.betabinom.sf(
        sum(shared) - 1, len(val), repeated + prior, len(train) - repeated + 1
    )
    if sum(shared) and probability < SIGNIFICANCE:
        yield TRAIN_VAL_LEAK.finding(
            evidence=f"{sum(shared)} of {len(val)} validation examples, the first is number "
            f"{shared.index(True)}, are bit-equal to one of {len(train)} training examples, of "
            f"which {repeated} occur more than once (p = {probability:.1g})"
        )


def _keys(batches: Any, name: str) -> list[bytes]:
    """One key for each example of all batches: the bytes of its inputs."""
    if iter(batches) is batches:
        raise CannotTell(f"{name} is an iterator that can be read only once: pass a list")
    return [key for batch in itertools.islice(batches, MOST_BATCHES) for key in _of(batch)]


def _of(batch: PyTree) -> Iterator[bytes]:
    rows = [tensor.contiguous() for _, tensor in examples_of(batch).rows(batch)]
    wide = [tensor for tensor in rows if tensor[0].numel() > 1]
    whole = all(_is_whole(tensor) for tensor in wide or rows)
    for index in range(len(rows[0])):
        values = b"".join(_bytes(tensor[index]) for tensor in wide or rows)
        yield (_WHOLE if whole else _MEASURED) + values


def _is_whole(tensor: torch.Tensor) -> bool:
    """Whether all numbers are whole: bool and integer tensors cannot be rounded everywhere."""
    return not tensor.is_floating_point() or bool((tensor == tensor.round()).all())


def _bytes(tensor: torch.Tensor) -> bytes:
    return tensor.detach().cpu().reshape(-1).to(torch.float64).numpy().tobytes()
