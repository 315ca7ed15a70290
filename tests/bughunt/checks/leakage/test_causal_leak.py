"""Predictions that see their label."""

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
    lm_layers,
    next_token,
)
from snippets import line_of
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_mlregress.bughunt import hunt


def leaks(model, loss_fn=next_token, checks=("causal-leak",)):
    return hunt(model, language(n=16, t=12), loss_fn=loss_fn, checks=list(checks))


def centred_convolution(m, ids):
    x = F.pad(m["embed"](ids).transpose(1, 2), (1, 1))
    return m["o"](m["conv"](x).transpose(1, 2))


def normalised_over_time(m, ids):
    x = m["rnn"](m["embed"](ids))[0]
    return m["o"](F.layer_norm(x.transpose(1, 2), x.shape[1:2]).transpose(1, 2))


@pytest.mark.parametrize(
    "function", [both_ways, centred_convolution, attention_without_mask, normalised_over_time]
)
def test_a_prediction_that_sees_its_label_is_found(function):
    [finding] = find("causal-leak", function, lm_layers, language(), next_token)
    assert finding.severity == "error"
    first = function.__code__.co_firstlineno
    assert first < int(finding.location.rpartition(":")[2]) <= first + 3


@pytest.mark.parametrize("function", [causal_rnn, causal_convolution, causal_attention])
def test_causal_models_are_silent(function):
    findings = find("causal-leak", function, lm_layers, language(), next_token)
    assert findings == []
    assert findings.skipped == []


def test_an_echo_of_the_past_may_be_asked_for():
    def echo(model, ids):
        return F.cross_entropy(model(ids)[:, 3:].flatten(0, 1), ids[:, :-3].flatten())

    assert find("causal-leak", causal_rnn, lm_layers, language(), echo) == []


# --- what reaches a prediction by other ways than arithmetic -------------------------------------


class Causal(nn.Module):
    """A causal recurrent trunk with what a test is about on top."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(12, 16)
        self.rnn = nn.LSTM(16, 16, batch_first=True)
        self.gate, self.expert = nn.Linear(16, 3), nn.Parameter(torch.randn(3, 16, 16))
        self.o = nn.Linear(16, 12)
        self.ready, self.shift = False, nn.Parameter(torch.zeros(16))

    def forward(self, ids):
        return self.o(self.after(self.rnn(self.embed(ids))[0]))


class RoutedByRank(Causal):
    """A token is worked on if its gate is among the highest of its sequence."""

    def after(self, h):
        score = self.gate(h)[..., 0]
        rank = score.argsort(1).argsort(1)
        return h + ((rank < 4).float() * score.sigmoid())[..., None] * (h @ self.expert[0])


class Hashed(Causal):
    """Positions share a value with the ones before them in the same bucket."""

    def after(self, h):
        bucket = (h @ torch.linspace(-1, 1, 48).view(16, 3).sin()).argmax(-1)
        largest = F.one_hot(bucket, 3).sum(1).argmax(-1, keepdim=True)  # of the whole sequence
        return h + (bucket == largest).float()[..., None] * h.roll(1, -1)


class GatedOverTime(Causal):
    def after(self, h):
        score = self.gate(h)[..., 0].softmax(1)
        rank = score.argsort(1).argsort(1)
        return h + ((rank < 4).float() * score)[..., None] * (h @ self.expert[0])


class RoundedMean(Causal):
    """What leaks is added to a rounded value."""

    def after(self, h):
        return h + h.mul(4).round() / 4 + h.mean(1, keepdim=True)


class InitialisedByTokens(Causal):
    def after(self, h):
        if not self.ready:
            self.shift.data, self.ready = -h.mean((0, 1)).detach(), True
        return h + self.shift


class SentenceAutoencoder(Causal):
    """The decoder starts from the final state of an encoder, with noise if asked for."""

    def __init__(self, noise=0.0):
        super().__init__()
        self.encoder, self.latent, self.noise = nn.GRU(16, 16), nn.Linear(16, 3), noise
        self.start = nn.Linear(3, 16)

    def forward(self, ids):
        x = self.embed(ids)
        summary = self.encoder(x.transpose(0, 1))[0][-1] if self.noise else None
        if summary is None:
            summary = self.encoder(x.transpose(0, 1))[1][0]
        z = self.latent(summary)
        if self.noise:
            z = z + self.noise * torch.randn_like(z)
        start = self.start(z)[None]
        return self.o(self.rnn(x, (start, torch.zeros_like(start)))[0])


@pytest.mark.parametrize(
    "model",
    [
        RoutedByRank,
        Hashed,
        InitialisedByTokens,
        SentenceAutoencoder,
        lambda: SentenceAutoencoder(0.5),
    ],
)
def test_routing_first_data_and_summaries_of_an_encoder_are_no_leak(model):
    findings = leaks(model)
    assert findings == []
    assert findings.skipped == []


@pytest.mark.parametrize("model", [GatedOverTime, RoundedMean])
def test_what_reaches_a_prediction_by_arithmetic_too_is_found(model):
    [finding] = leaks(model)
    assert finding.severity == "error"


class RoutedThenReversed(Causal):
    """Routing by rank, and after it a sum over all later positions."""

    def after(self, h):
        kept = torch.zeros_like(h[..., :1]).scatter(
            1, self.gate(h)[..., :1].topk(4, 1).indices, 1.0
        )
        h = h + h * kept
        return h + h.flip(1).cumsum(1).flip(1)  # here


def test_the_line_is_where_a_label_arrives_by_arithmetic():
    [finding] = leaks(RoutedThenReversed)
    assert finding.location == line_of(RoutedThenReversed.after, "# here")


class Codes(nn.Module):
    """Several codes at each position, as audio codecs give them; `peeks` at the next ones."""

    def __init__(self, peeks=False):
        super().__init__()
        self.embed, self.rnn = nn.Embedding(12, 16), nn.GRU(16, 16, batch_first=True)
        self.o, self.peeks = nn.Linear(16, 24), peeks

    def forward(self, codes):
        h = self.rnn(self.embed(codes).sum(2))[0]
        return self.o(h.flip(1).cumsum(1) if self.peeks else h).unflatten(-1, (2, 12))


def next_codes(model, codes):
    return F.cross_entropy(model(codes[:, :-1]).flatten(0, 2), codes[:, 1:].flatten())


def test_several_tokens_at_each_position_are_followed():
    codes = language(n=16, t=24).view(16, 12, 2)
    findings = hunt(Codes, codes, loss_fn=next_codes, checks=["causal-leak"])
    assert findings == []
    assert findings.skipped == []
    peeking = hunt(lambda: Codes(True), codes, loss_fn=next_codes, checks=["causal-leak"])
    assert [finding.severity for finding in peeking] == ["error"]


class Heads(Causal):
    """One head for each of the next tokens; `peeks` sees one further."""

    def __init__(self, peeks=None):
        super().__init__()
        self.heads, self.peeks = nn.ModuleList(nn.Linear(16, 12) for _ in range(3)), peeks

    def forward(self, ids):
        h = self.rnn(self.embed(ids))[0]
        ahead = h.roll(-1, 1)
        return [head(h + ahead if k == self.peeks else h) for k, head in enumerate(self.heads)]


def next_tokens(model, ids):
    return sum(
        F.cross_entropy(logits[:, : -k - 1].flatten(0, 1), ids[:, k + 1 :].flatten())
        for k, logits in enumerate(model(ids))
    )


def with_the_present_token(model, ids):
    first, second, third = model(ids)
    return (
        F.cross_entropy(first[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        + F.cross_entropy(second.flatten(0, 1), ids.flatten())
        + F.cross_entropy(third[:, 1:].flatten(0, 1), ids[:, :-1].flatten())
    )


def test_each_head_is_judged_by_its_own_labels():
    assert leaks(Heads, next_tokens) == []
    assert leaks(lambda: Heads(1), next_tokens) == []  # it sees t + 1 and predicts t + 2
    [finding] = leaks(lambda: Heads(0), next_tokens)
    assert "shifted by 1" in finding.evidence


def test_the_present_and_the_last_token_may_be_asked_for_besides():
    both = ["causal-leak", "labels-not-shifted"]
    assert leaks(Heads, with_the_present_token, both) == []
    [finding] = leaks(lambda: Heads(0), with_the_present_token, both)
    assert finding.check == "causal-leak"
