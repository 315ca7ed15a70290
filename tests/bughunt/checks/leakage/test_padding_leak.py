"""Padding that changes what is predicted."""

from __future__ import annotations

import pytest
import torch
from layer_functions import GENERATOR, causal_rnn, find, language, lm_layers, next_token, padded
from snippets import line_of
from text_model import find_in_text, scores_of
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_mlregress.bughunt import hunt


def masked_mean(m, ids, mask, lengths):
    x = m["embed"](ids)
    return m["o"]((x * mask[..., None]).sum(1) / lengths[:, None])


def plain_mean(m, ids, mask, lengths):
    return m["o"](m["embed"](ids).mean(1))


def packed(m, ids, mask, lengths):
    x = nn.utils.rnn.pack_padded_sequence(
        m["embed"](ids), lengths, batch_first=True, enforce_sorted=False
    )
    return m["o"](m["rnn"](x)[1][0][0])


def last_state(m, ids, mask, lengths):
    return m["o"](m["rnn"](m["embed"](ids))[0][:, -1])


def state_at_length(m, ids, mask, lengths):
    x = m["rnn"](m["embed"](ids))[0]
    return m["o"](x[torch.arange(len(x)), lengths - 1])


def masked_attention(m, ids, mask, lengths):
    x = m["embed"](ids)
    return m["o"](m["attend"](x, x, x, key_padding_mask=~mask)[0][:, 0])


def open_attention(m, ids, mask, lengths):
    x = m["embed"](ids)
    return m["o"](m["attend"](x, x, x)[0][:, 0])


def mask_from_content(m, ids, mask, lengths):
    kept = (ids != 0).float()
    return m["o"]((m["embed"](ids) * kept[..., None]).sum(1) / kept.sum(1, keepdim=True))


def of_padded(model, b):
    return F.cross_entropy(model(b["ids"], b["mask"], b["lengths"]), b["y"])


@pytest.mark.parametrize("function", [plain_mean, last_state, open_attention])
def test_padding_that_is_seen_is_found(function):
    [finding] = find("padding-leak", function, lm_layers, padded(), of_padded)
    assert finding.severity == "error"
    first = function.__code__.co_firstlineno
    assert first < int(finding.location.rpartition(":")[2]) <= first + 2


def test_frames_that_are_stacked_are_padding_together():
    def stacked(model, b):
        n, t, c = b["x"].shape
        states, _ = model["rnn"](b["x"].reshape(n, t // 2, 2 * c))
        kept = torch.arange(t // 2) < b["lengths"][:, None] // 2
        return (model["o"](states).squeeze(-1) * kept).square().mean()

    lengths = torch.tensor([8, 6, 4, 8, 6, 4, 8, 6])
    x = torch.randn(8, 8, 3, generator=GENERATOR.manual_seed(2))
    batch = {"x": x * (torch.arange(8) < lengths[:, None])[..., None], "lengths": lengths}

    def make():
        return nn.ModuleDict({"rnn": nn.GRU(6, 4, batch_first=True), "o": nn.Linear(4, 1)})

    assert hunt(make, batch, loss_fn=stacked, checks=["padding-leak"]) == []


@pytest.mark.parametrize(
    "function", [masked_mean, packed, state_at_length, masked_attention, mask_from_content]
)
def test_padding_that_is_masked_is_silent(function):
    findings = find("padding-leak", function, lm_layers, padded(), of_padded)
    assert findings == []
    assert findings.skipped == []


def test_a_loss_that_counts_padding_is_found():
    def loss_fn(model, b):
        return (model(b["x"]).squeeze(-1) - b["y"]).square().mean()

    batch = padded()
    values = torch.randn(8, 7, 5, generator=GENERATOR.manual_seed(1)) * batch["mask"][..., None]
    b = {"x": values, "mask": batch["mask"], "y": torch.ones(8, 7)}
    layers = lambda: {"o": nn.Linear(5, 1)}  # noqa: E731
    [finding] = find("padding-leak", lambda m, x: m["o"](x), layers, b, loss_fn)
    assert finding.evidence.startswith("with other values there, the loss")


def test_without_a_mask_nothing_is_said():
    findings = find("padding-leak", causal_rnn, lm_layers, language(), next_token)
    assert findings == []
    assert "no mask" in findings.skipped[0].reason


def attended(m, x, mask):
    return scores_of(x, mask).softmax(-1) @ x


def trigrams(m, ids, mask):
    """A convolution of width three, written as shifted copies."""
    x = m.embed(ids)
    after, before = F.pad(x[:, 1:], (0, 0, 0, 1)), F.pad(x[:, :-1], (0, 0, 1, 0))
    return m.head(attended(m, m.mix(torch.cat([after, x, before], -1)), mask))


def convolution_added_in_place(m, ids, mask):
    x = m.embed(ids)
    y = attended(m, x, mask)
    y += m.conv(x.transpose(1, 2)).transpose(1, 2)
    return m.head(y)


def open_attention_scaled_in_place(m, ids, mask):
    x = m.embed(ids)
    y = (x @ x.transpose(-1, -2)).softmax(-1) @ x  # here
    z = y * 1.0
    z += x
    return m.head(z)


def mean_over_padding(m, ids, mask):
    x = m.embed(ids)
    return m.head(x + x.mean(1, keepdim=True))  # here


@pytest.mark.parametrize("function", [trigrams, convolution_added_in_place])
def test_padding_that_comes_in_by_a_neighbourhood_cannot_be_judged(function):
    findings = find_in_text("padding-leak", function)
    assert findings == []
    assert "may be intended" in findings.skipped[0].reason


@pytest.mark.parametrize("function", [open_attention_scaled_in_place, mean_over_padding])
def test_padding_that_reaches_every_position_is_found(function):
    [finding] = find_in_text("padding-leak", function)
    assert finding.severity == "error"
    assert finding.location == line_of(function, "# here")


def test_a_state_to_go_on_from_may_hold_padding():
    """Recurrent language models return their last state beside the logits."""

    def recurrent(m, ids, mask):
        x = m.embed(ids)
        return m.head(x.cumsum(1)), x.sum(1)

    def loss_fn(model, batch):
        logits, _state = model(batch["ids"], batch["mask"])
        return F.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten())

    def loss_of_the_state(model, batch):
        _logits, state = model(batch["ids"], batch["mask"])
        return F.cross_entropy(model.head(state), batch["ids"][:, 0])

    assert find_in_text("padding-leak", recurrent, loss_fn=loss_fn) == []
    [finding] = find_in_text("padding-leak", recurrent, loss_fn=loss_of_the_state)
    assert finding.severity == "error"
