"""Softmax along an axis other than the one that is summed over."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from guarded_training import plain, train
from snippets import find, line_of
from text_model import LENGTH, find_in_text, scores_of
from torch import nn

# --- hunt ---------------------------------------------------------------------------------------


class Attention(nn.Module):
    axis = -1

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(6, 6) for _ in range(3))
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = x.unsqueeze(1) * torch.linspace(0.5, 1.5, 5)[:, None]
        scores = self.q(x) @ self.k(x).transpose(1, 2) / 6**0.5
        weights = scores.softmax(dim=self.axis)
        return self.head((weights @ self.v(x)).mean(1))


class WrongAttention(Attention):
    axis = 1


class Pooling(nn.Module):
    """Soft assignment to clusters, summed over positions (NetVLAD): legal."""

    def __init__(self):
        super().__init__()
        self.assign, self.head = nn.Linear(6, 4), nn.Linear(24, 3)

    def forward(self, x):
        x = x.unsqueeze(1) * torch.linspace(0.5, 1.5, 5)[:, None]
        return self.head((self.assign(x).softmax(-1).transpose(1, 2) @ x).flatten(1))


def test_attention_normalised_over_the_queries():
    [finding] = find("wrong-softmax-dim", make_model=WrongAttention)
    assert finding.location == line_of(Attention.forward, "softmax")
    assert find("wrong-softmax-dim", make_model=Attention) == []
    assert find("wrong-softmax-dim", make_model=Pooling) == []


class Additive(nn.Module):
    """Attention of 6 queries over 4 keys whose scores come from a layer, with padding."""

    def __init__(self, axis, mask_axis=2):
        super().__init__()
        self.keys, self.energy, self.out = nn.Linear(1, 8), nn.Linear(8, 1), nn.Linear(8, 3)
        self.axis, self.mask_axis = axis, mask_axis

    def forward(self, x):
        keys = self.keys(x[:, :4, None])
        energy = self.energy(torch.tanh(x[:, :, None, None] + keys[:, None])).squeeze(-1)
        hidden = torch.arange(energy.shape[self.mask_axis]) > 2
        hidden = hidden[None, None] if self.mask_axis == 2 else hidden[None, :, None]
        weights = energy.masked_fill(hidden, -1e9).softmax(self.axis)
        return self.out((weights @ keys).mean(1))


@pytest.mark.parametrize(("axis", "mask_axis", "found"), [(1, 2, 1), (2, 2, 0), (2, 1, 0)])
def test_a_mask_that_the_softmax_cannot_see_tells_of_a_wrong_axis(axis, mask_axis, found):
    findings = find("wrong-softmax-dim", make_model=lambda: Additive(axis, mask_axis))
    assert len(findings) == found


@pytest.mark.parametrize(("axis", "found"), [(-1, 0), (-2, 1)])
def test_attention_normalised_by_logsumexp(axis, found):
    def loss(model, batch):
        rows = model(batch[0]).reshape(2, 6, 3)
        scores = rows @ rows[:, :4].mT
        weights = (scores - scores.logsumexp(axis, keepdim=True)).exp()
        return F.cross_entropy((weights @ rows[:, :4]).reshape(12, 3), batch[1])

    assert len(find("wrong-softmax-dim", loss_fn=loss)) == found


@pytest.mark.parametrize(("axis", "found"), [(0, 1), (1, 0), (-1, 0)])
def test_soft_targets_are_weighed_along_the_axis_of_the_softmax(axis, found):
    def soft(model, batch):
        want = F.one_hot(batch[1], 3).float() * 0.8 + 0.2 / 3
        return -(want * model(batch[0]).log_softmax(dim=axis)).sum(-1).mean()  # here

    findings = find("wrong-softmax-dim", loss_fn=soft)
    assert [f.location for f in findings] == [line_of(soft, "# here")] * found


def test_pairs_may_be_contrasted_both_ways():
    def contrast(model, batch):
        scores = model(batch[0]) @ model(batch[0] + 0.1).T
        same = torch.eye(len(scores))
        return -(same * scores.log_softmax(0)).sum(-1).mean()

    assert find("wrong-softmax-dim", loss_fn=contrast) == []


def attention_sink(m, ids, mask):
    """One more score that takes what no key deserves: the other weights sum to less than one."""
    x = m.embed(ids)
    scores = scores_of(x, mask)
    sink = torch.zeros_like(scores[..., :1])
    weights = torch.cat([scores, sink], -1).softmax(-1)[..., :-1]
    return m.head(weights @ x)


def global_and_local_keys(m, ids, mask):
    """One softmax over two sets of keys, whose values are averaged apart and then added."""
    x = m.embed(ids)
    weights = scores_of(x, mask).softmax(-1)
    first, rest = weights[..., :2], weights[..., 2:]
    return m.head(first @ x[:, :2] + rest @ x[:, 2:])


def dropped_and_reshaped(m, ids, mask):
    x = m.embed(ids)
    weights = m.drop(scores_of(x, mask).softmax(-1)).view(-1, LENGTH, LENGTH)
    return m.head(torch.bmm(weights, x))


def dropped_and_reshaped_over_queries(m, ids, mask):
    x = m.embed(ids)
    weights = m.drop(scores_of(x, mask).softmax(-2)).view(-1, LENGTH, LENGTH)  # here
    return m.head(torch.bmm(weights, x))


@pytest.mark.parametrize("function", [attention_sink, global_and_local_keys, dropped_and_reshaped])
def test_weights_that_are_a_part_of_a_softmax_are_silent(function):
    assert find_in_text("wrong-softmax-dim", function) == []


def test_weights_over_the_queries_are_found_behind_dropout_and_a_view():
    [finding] = find_in_text("wrong-softmax-dim", dropped_and_reshaped_over_queries)
    assert finding.severity == "error"
    assert finding.location == line_of(dropped_and_reshaped_over_queries, "# here")


# --- guards -------------------------------------------------------------------------------------


class TokenAttention(nn.Module):
    """Eight numbers as eight tokens; `average` gets queries, keys and values of (n, 8, 4)."""

    def __init__(self, average):
        super().__init__()
        self.embed, self.average, self.last = nn.Linear(1, 12), average, nn.Linear(4, 2)
        self.place = nn.Parameter(torch.randn(8, 12))
        self.slots = nn.Parameter(torch.randn(4, 8))

    def forward(self, x):
        q, k, v = (self.embed(x[:, :, None]) + self.place).chunk(3, -1)
        return self.last(self.average(self, q, k, v).mean(1))


def over_queries(self, q, k, v):
    weights = (q @ k.mT).softmax(1)  # here
    return weights @ v


def over_examples(self, q, k, v):
    scores = torch.einsum("nqd,nkd->nqk", q, k).masked_fill(torch.eye(8).bool(), -1e9)
    return torch.einsum("nqk,nkd->nqd", F.dropout(scores.softmax(0), 0.1, self.training), v)


def by_hand(self, q, k, v):
    scores = (q @ k.mT).exp()
    return torch.bmm(scores / scores.sum(1, keepdim=True), v)


@pytest.mark.parametrize("average", [over_queries, over_examples, by_hand])
def test_attention_weights_along_another_axis_are_an_error(average):
    found, [finding] = train(TokenAttention(average), plain)
    assert found == [("wrong-softmax-dim", "error")]
    if average is over_queries:
        assert finding.location == line_of(over_queries, "# here")


MEANT = {
    "over keys": lambda self, q, k, v: (q @ k.mT).softmax(-1) @ v,
    "over keys, with dropout": lambda self, q, k, v: F.dropout((q @ k.mT).softmax(-1), 0.5) @ v,
    "transposed": lambda self, q, k, v: (q @ k.mT).softmax(1).mT @ v,
    "efficient attention": lambda self, q, k, v: q.softmax(-1) @ (k.softmax(1).mT @ v),
    "slots": lambda self, q, k, v: (
        (k @ self.slots).softmax(1) @ v.mean(1, keepdim=True).expand(-1, 8, -1)
    ),
    "renormalised": lambda self, q, k, v: (
        ((w := (q @ k.mT).softmax(1)) / w.sum(-1, keepdim=True)) @ v
    ),
}


@pytest.mark.parametrize("name", MEANT)
def test_attention_that_is_meant_passes(name):
    assert train(TokenAttention(MEANT[name]), plain)[0] == []
