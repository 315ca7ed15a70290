"""Examples that see each other, tokens that see the future, padding that is seen."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_mlregress.bughunt import hunt

GENERATOR = torch.Generator()


class Net(nn.Module):
    """A function of (layers, inputs) with the layers that it needs."""

    def __init__(self, function, layers):
        super().__init__()
        self.function = function
        self.layers = nn.ModuleDict(layers())

    def forward(self, *inputs):
        return self.function(self.layers, *inputs)


def classify(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def find(slug, function, layers, batch, loss_fn=classify):
    return hunt(lambda: Net(function, layers), batch, loss_fn=loss_fn, checks=[slug])


def rows(n=8, c=6):
    return torch.randn(n, c, generator=GENERATOR.manual_seed(0)), torch.arange(n) % 3


def signals(n=6, t=7, c=5):
    return torch.randn(n, t, c, generator=GENERATOR.manual_seed(0)), torch.arange(n) % 3


def line_of(function):
    return f"{__file__}:{function.__code__.co_firstlineno + 1}"


# --- examples -----------------------------------------------------------------------------------


def mlp():
    return {"a": nn.Linear(6, 6), "b": nn.Linear(6, 3)}


def recurrent():
    return {"rnn": nn.GRU(5, 8), "o": nn.Linear(8, 3)}


def softmax_over_examples(m, x):
    return m["b"](m["a"](x).softmax(0))


def centred_over_examples(m, x):
    return m["b"](x - x.mean(0))


def ranked_among_examples(m, x):
    return m["b"](m["a"](x) / m["a"](x).norm())


def recurrent_over_examples(m, x):
    return m["o"](m["rnn"](x)[0].mean(1))


def neighbour_mixed_in(m, x):
    return m["b"](m["a"](x) + 0.1 * m["a"](x).roll(1, 0))


@pytest.mark.parametrize(
    ("function", "layers", "batch"),
    [
        (softmax_over_examples, mlp, rows()),
        (centred_over_examples, mlp, rows()),
        (ranked_among_examples, mlp, rows()),
        (recurrent_over_examples, recurrent, signals()),
    ],
)
def test_examples_that_see_each_other_are_found_at_the_line(function, layers, batch):
    [finding] = find("batch-leak", function, layers, batch)
    assert finding.severity == "error"
    assert finding.location == line_of(function)


def test_a_neighbour_in_rows_without_a_time_axis_may_be_a_sequence():
    findings = find("batch-leak", neighbour_mixed_in, mlp, rows())
    assert findings == []
    assert "may be time" in findings.skipped[0].reason


def with_batch_norm():
    return {"a": nn.Linear(6, 6), "n": nn.BatchNorm1d(6), "b": nn.Linear(6, 3)}


def normalised(m, x):
    return m["b"](m["n"](m["a"](x)).relu())


def similarities(m, x):
    z = F.normalize(m["a"](x), dim=-1)
    return z @ z.T


def two_views(m, x):
    return m["b"](torch.cat([x, x * 0.9]))


def time_first(m, x):
    return m["o"](m["rnn"](x.transpose(0, 1))[0])


def capacity_routed(m, x):
    gate = m["a"](x).softmax(-1)
    first = F.one_hot(gate.argmax(-1), 6).cumsum(0)
    fits = (first.gather(1, gate.argmax(-1, keepdim=True)) <= 2).float()
    return m["b"](x * fits * gate.amax(-1, keepdim=True))


def rolled_channels(m, x):
    return m["b"](x.roll(1, 1))


def summed(model, batch):
    return model(batch[0]).square().mean()


@pytest.mark.parametrize(
    ("function", "layers", "batch"),
    [
        (normalised, with_batch_norm, rows()),
        (similarities, mlp, rows()),
        (two_views, mlp, rows()),
        (time_first, recurrent, signals()),
        (capacity_routed, mlp, rows(16)),
        (rolled_channels, mlp, rows(6, 6)),
    ],
)
def test_what_examples_may_share_is_silent(function, layers, batch):
    assert find("batch-leak", function, layers, batch, summed) == []


def test_a_loss_may_compare_examples():
    def contrastive(model, batch):
        z = F.normalize(model(batch[0]), dim=-1)
        return F.cross_entropy(z @ z.T / 0.1, torch.arange(len(z)))

    assert find("batch-leak", lambda m, x: m["a"](x), mlp, rows(), contrastive) == []


def test_training_mode_inside_the_loss_is_no_leak():
    def trains(model, batch):
        model.train()
        return classify(model, batch)

    findings = find("batch-leak", normalised, with_batch_norm, rows(), trains)
    assert findings == []
    assert findings.skipped == []


def test_a_graph_has_no_examples():
    batch = (torch.randn(9, 4), torch.randint(0, 9, (2, 20)), torch.zeros(4))
    findings = find(
        "batch-leak", lambda m, x, e: m["a"](x), lambda: {"a": nn.Linear(4, 2)}, batch,
        lambda model, b: model(b[0], b[1]).mean() - b[2].mean(),
    )  # fmt: skip
    assert findings == []
    assert "share no number of examples" in findings.skipped[0].reason


# --- time ---------------------------------------------------------------------------------------


def language(n=7, t=9, vocab=12):
    return torch.randint(0, vocab, (n, t), generator=GENERATOR.manual_seed(3))


def next_token(model, ids):
    return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


def lm_layers():
    return {
        "embed": nn.Embedding(12, 16),
        "rnn": nn.LSTM(16, 16, batch_first=True),
        "both": nn.LSTM(16, 8, batch_first=True, bidirectional=True),
        "conv": nn.Conv1d(16, 16, 3),
        "attend": nn.MultiheadAttention(16, 2, batch_first=True),
        "o": nn.Linear(16, 12),
    }


def causal_rnn(m, ids):
    return m["o"](m["rnn"](m["embed"](ids))[0])


def both_ways(m, ids):
    return m["o"](m["both"](m["embed"](ids))[0])


def causal_convolution(m, ids):
    x = F.pad(m["embed"](ids).transpose(1, 2), (2, 0))
    return m["o"](m["conv"](x).transpose(1, 2))


def centred_convolution(m, ids):
    x = F.pad(m["embed"](ids).transpose(1, 2), (1, 1))
    return m["o"](m["conv"](x).transpose(1, 2))


def causal_attention(m, ids):
    x = m["embed"](ids)
    mask = torch.triu(torch.ones(len(x[0]), len(x[0]), dtype=torch.bool), 1)
    return m["o"](m["attend"](x, x, x, attn_mask=mask)[0])


def attention_without_mask(m, ids):
    x = m["embed"](ids)
    return m["o"](m["attend"](x, x, x)[0])


def normalised_over_time(m, ids):
    x = m["rnn"](m["embed"](ids))[0]
    return m["o"](F.layer_norm(x.transpose(1, 2), x.shape[1:2]).transpose(1, 2))


def position_wise(m, ids):
    return m["o"](m["embed"](ids))


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


def test_an_echo_of_the_past_may_be_asked_for():
    def echo(model, ids):
        return F.cross_entropy(model(ids)[:, 3:].flatten(0, 1), ids[:, :-3].flatten())

    assert find("causal-leak", causal_rnn, lm_layers, language(), echo) == []


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


# --- padding ------------------------------------------------------------------------------------


def padded(n=8, t=7):
    g = GENERATOR.manual_seed(5)
    lengths = torch.randint(2, t + 1, (n,), generator=g)
    lengths[0], lengths[1] = t, 2
    mask = torch.arange(t) < lengths[:, None]
    ids = torch.randint(1, 12, (n, t), generator=g) * mask
    return {"ids": ids, "mask": mask, "lengths": lengths, "y": torch.arange(n) % 12}


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
