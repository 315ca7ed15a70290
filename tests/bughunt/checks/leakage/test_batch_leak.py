"""Examples that see each other."""

from __future__ import annotations

import pytest
import torch
from layer_functions import GENERATOR, classify, find, line_of
from torch import nn
from torch.nn import functional as F  # noqa: N812


def rows(n=8, c=6):
    return torch.randn(n, c, generator=GENERATOR.manual_seed(0)), torch.arange(n) % 3


def signals(n=6, t=7, c=5):
    return torch.randn(n, t, c, generator=GENERATOR.manual_seed(0)), torch.arange(n) % 3


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
