"""Predictions that see their label."""

from __future__ import annotations

import pytest
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
from torch.nn import functional as F  # noqa: N812


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
