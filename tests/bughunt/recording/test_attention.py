"""One question, two witnesses: what recorded calls say of a formula, marked nodes say too."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from pytest_mlregress.bughunt.listening.detector import ObservedCall
from pytest_mlregress.bughunt.listening.hooks import Calls
from pytest_mlregress.bughunt.listening.node_marks import NODE_MARKS
from pytest_mlregress.bughunt.recording.attention import (
    contracted,
    is_attention,
    is_handmade_softmax,
    softmax_behind,
)
from pytest_mlregress.bughunt.recording.recorder import Recorder
from pytest_mlregress.bughunt.recording.tensor_origins import Provenance, TensorOrigins

WEIGHT = nn.Parameter(torch.randn(4, 5))


@contextlib.contextmanager
def recorded() -> Iterator[Callable[[], TensorOrigins[Any]]]:
    recorder = Recorder()
    with recorder.listening(nn.Identity()):
        yield lambda: Provenance(recorder.calls)


@contextlib.contextmanager
def marked() -> Iterator[Callable[[], TensorOrigins[Any]]]:
    mode = Calls(lambda call: None, lambda *_: None, lambda function, *given: function(*given))
    mode.put_on()
    try:
        yield lambda: NODE_MARKS
    finally:
        mode.take_off()


def activations() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(2, 5, 4, generator=generator) for _ in range(2))
    return query.requires_grad_() * 1.0, key.requires_grad_() * 1.0


def scores(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    return query @ key.transpose(1, 2) / 2.0


def divided(values: torch.Tensor) -> torch.Tensor:
    powers = torch.exp(values)
    return powers / powers.sum(-1, keepdim=True)


def in_place(values: torch.Tensor) -> torch.Tensor:
    powers = torch.exp(values)
    return powers.clone().div_(powers.sum(-1, keepdim=True))


def shifted(values: torch.Tensor) -> torch.Tensor:
    return torch.exp(values - torch.logsumexp(values, -1, keepdim=True))


SOFTMAXES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "function": lambda s: F.softmax(s, -1),
    "method": lambda s: s.softmax(-1),
    "module": nn.Softmax(-1),
    "divided": divided,
    "in place": in_place,
    "shifted": shifted,
    "dropped": lambda s: F.dropout(s.softmax(-1), 0.5),
    "reshaped": lambda s: s.softmax(-1).transpose(1, 2).contiguous(),
    "masked": lambda s: s.masked_fill(torch.ones(5, 5).triu(1) > 0, -1e9).softmax(-1),
    "biased": lambda s: (torch.zeros(5, 5) + s).softmax(-1),
}
OTHERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sigmoid": torch.sigmoid,
    "another's sum": lambda s: s.exp() / s.square().sum(-1, keepdim=True),
    "sum alone": lambda s: s / s.sum(-1, keepdim=True),
    "another's mass": lambda s: torch.exp(s - torch.logsumexp(2 * s, -1, keepdim=True)),
    "scaled": lambda s: 2 * s.softmax(-1),
}


@pytest.mark.parametrize("witness", [recorded, marked])
@pytest.mark.parametrize("name", {**SOFTMAXES, **OTHERS})
def test_what_a_softmax_is(witness, name):
    with witness() as origins:
        weights = {**SOFTMAXES, **OTHERS}[name](scores(*activations()))
    assert (softmax_behind(origins(), weights) is not None) == (name in SOFTMAXES)


@pytest.mark.parametrize("witness", [recorded, marked])
@pytest.mark.parametrize(
    ("name", "handmade"), [("divided", True), ("shifted", True), ("method", False)]
)
def test_which_softmax_is_made_by_hand(witness, name, handmade):
    with witness() as origins:
        weights = SOFTMAXES[name](scores(*activations()))
    softmax = softmax_behind(origins(), weights)
    assert is_handmade_softmax(origins(), softmax) == handmade


SCORES: dict[str, tuple[Callable[[torch.Tensor, torch.Tensor], torch.Tensor], bool]] = {
    "product": (scores, True),
    "einsum": (lambda q, k: torch.einsum("nqc,nkc->nqk", q, k), True),
    "batched": (lambda q, k: torch.bmm(q, k.mT) + torch.zeros(5, 5), True),
    "layer": (lambda q, k: q @ WEIGHT, False),
    "transposed weight": (lambda q, k: F.linear(q, WEIGHT.T), False),
    "activation": (lambda q, k: F.pad((q + k).tanh(), (0, 1)), False),
}


@pytest.mark.parametrize("witness", [recorded, marked])
@pytest.mark.parametrize("softmax", ["method", "divided", "shifted", "dropped", "masked"])
@pytest.mark.parametrize("name", SCORES)
def test_what_attention_is(witness, softmax, name):
    make, attends = SCORES[name]
    with witness() as origins:
        weights = SOFTMAXES[softmax](make(*activations()))
    found = softmax_behind(origins(), weights)
    assert found is not None
    assert is_attention(origins(), found) == attends


@pytest.mark.parametrize(
    ("name", "arguments", "axes"),
    [
        ("matmul", (torch.ones(2, 3, 4), torch.ones(2, 4, 5)), [2, 1]),
        ("mm", (torch.ones(3, 4), torch.ones(4, 5)), [1, 0]),
        ("baddbmm", (torch.ones(2, 3, 5), torch.ones(2, 3, 4), torch.ones(2, 4, 5)), [2, 1]),
        ("matmul", (torch.ones(3, 4), torch.ones(4)), []),
        ("einsum", ("nqk, nkc -> nqc", torch.ones(2, 3, 4), torch.ones(2, 4, 5)), [2, 1]),
        ("einsum", ("nqk,nkc->nqc", [torch.ones(2, 3, 4), torch.ones(2, 4, 5)]), [2, 1]),
        ("einsum", ("nqk,nkc->n", torch.ones(2, 3, 4), torch.ones(2, 4, 5)), []),
        ("einsum", ("...k,kc->...c", torch.ones(2, 3, 4), torch.ones(4, 5)), []),
    ],
)
def test_which_axis_is_contracted(name, arguments, axes):
    call = ObservedCall(name, arguments, {}, None, None, True)
    assert [axis for _, axis in contracted(call)] == axes
