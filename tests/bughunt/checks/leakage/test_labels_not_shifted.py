"""Labels that are the inputs of a causal model."""

from __future__ import annotations

import pytest
import torch
from layer_functions import (
    attention_without_mask,
    both_ways,
    causal_attention,
    causal_convolution,
    causal_rnn,
    find,
    language,
    line_of,
    lm_layers,
    padded,
)
from torch.nn import functional as F  # noqa: N812


def position_wise(m, ids):
    return m["o"](m["embed"](ids))


def same_token(model, ids):
    return F.cross_entropy(model(ids).flatten(0, 1), ids.flatten())


def wrong_way(model, ids):
    return F.cross_entropy(model(ids)[:, 1:].flatten(0, 1), ids[:, :-1].flatten())


@pytest.mark.parametrize(
    ("function", "loss_fn"),
    [
        (causal_rnn, same_token),
        (causal_convolution, same_token),
        (causal_attention, same_token),
        (causal_rnn, wrong_way),
        (causal_attention, wrong_way),
    ],
)
def test_labels_that_are_the_inputs_of_a_causal_model_are_found(function, loss_fn):
    [finding] = find("labels-not-shifted", function, lm_layers, language(), loss_fn)
    assert finding.location == line_of(loss_fn)


@pytest.mark.parametrize("function", [both_ways, attention_without_mask, position_wise])
def test_autoencoders_may_be_asked_for_their_inputs(function):
    assert find("labels-not-shifted", function, lm_layers, language(), same_token) == []
    assert find("causal-leak", function, lm_layers, language(), same_token) == []


def test_masked_tokens_may_be_asked_for():
    ids = language()
    hidden = torch.arange(9)[None, :] % 3 == torch.arange(7)[:, None] % 3
    batch = {"ids": ids.masked_fill(hidden, 11), "labels": ids.masked_fill(~hidden, -100)}

    def loss_fn(model, b):
        return F.cross_entropy(model(b["ids"]).flatten(0, 1), b["labels"].flatten())

    for slug in ("causal-leak", "labels-not-shifted"):
        assert find(slug, attention_without_mask, lm_layers, batch, loss_fn) == []


def test_labels_made_in_the_data_have_no_line():
    ids = language()

    def loss_fn(model, b):
        return F.cross_entropy(model(b["ids"]).flatten(0, 1), b["labels"].flatten())

    batch = {"ids": ids, "labels": ids.clone()}
    [finding] = find("labels-not-shifted", causal_rnn, lm_layers, batch, loss_fn)
    assert finding.location is None
    assert "batch['ids'] shifted by 0" in finding.evidence


def test_a_denoising_decoder_may_be_asked_for_its_padded_source():
    """No prediction sees the last position, which is padding: that is no shift by one."""
    ids = padded()["ids"].clone()
    ids[:, -1] = 0
    labels = ids.masked_fill(ids == 0, -100)

    def masked(m, ids):
        x = m["embed"](ids)
        return m["o"](m["attend"](x, x, x, key_padding_mask=ids == 0)[0])

    def loss_fn(model, b):
        return F.cross_entropy(model(b["ids"]).flatten(0, 1), b["labels"].flatten())

    for slug in ("causal-leak", "labels-not-shifted"):
        batch = {"ids": ids, "labels": labels}
        assert find(slug, masked, lm_layers, batch, loss_fn) == []
