"""Logits that are squashed before a cross-entropy, and bounded ones that are wide enough."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from guarded_training import by_loss, train
from snippets import find, line_of
from torch import nn

from pytest_mlregress.bughunt.torch_api.probabilities import excess_of_bounded_logits

SLUG = "softmax-into-cross-entropy"

SQUASHINGS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softsign": F.softsign,
    "hard sigmoid": F.hardsigmoid,
    "hard tanh": F.hardtanh,
    "clamp": lambda z: z.clamp(-1, 1),
    "clamp from below": lambda z: z.clamp(0, 1),
    "by hand": lambda z: 1 / (1 + torch.exp(-z)),
    "sigmoid on [-1, 1]": lambda z: 2 * z.sigmoid() - 1,
    "tanh on [0, 1]": lambda z: (z.tanh() + 1) / 2,
    "small tanh": lambda z: 0.1 * torch.tanh(3 * z),
    "squashed in two": lambda z: z.sigmoid().clamp(1e-6, 1 - 1e-6),
}
BY_VALUE = {
    "softsign by hand": lambda z: z / (1 + z.abs()),
    "algebraic": lambda z: z / torch.sqrt(1 + z.square()),
}
WIDE = {
    "plain": lambda z: z,
    "small": lambda z: 0.01 * z,
    "capped": lambda z: 30 * torch.tanh(z / 30),
    "pointer's cap": lambda z: 10 * z.tanh(),
    "clamped far out": lambda z: z.clamp(-9, 9),
    "gated": lambda z: z * torch.sigmoid(z),
    "softplus": F.softplus,
    "bump": lambda z: 50 * torch.exp(-z.square()),
}


def squashed_by(squash):
    def loss(model, batch):
        return F.cross_entropy(squash(model(batch[0])), batch[1])  # here

    return loss


@pytest.mark.parametrize("name", {**SQUASHINGS, **BY_VALUE})
def test_squashed_logits_are_an_error(name):
    loss = squashed_by({**SQUASHINGS, **BY_VALUE}[name])
    [finding] = find(SLUG, loss_fn=loss)
    assert finding.severity == "error"
    assert "with 3 classes" in finding.evidence
    assert finding.location is not None
    assert finding.location.startswith(__file__)


@pytest.mark.parametrize("name", WIDE)
def test_logits_that_can_spread_far_enough_pass(name):
    assert find(SLUG, loss_fn=squashed_by(WIDE[name])) == []


@pytest.mark.parametrize("name", SQUASHINGS)
def test_guards_find_squashed_logits(name):
    loss = by_loss(lambda m, x, y: F.cross_entropy(SQUASHINGS[name](m(x)), y))
    assert train(nn.Linear(8, 2), loss)[0] == [(SLUG, "error")]


@pytest.mark.parametrize("name", WIDE)
def test_guards_pass_logits_that_can_spread_far_enough(name):
    loss = by_loss(lambda m, x, y: F.cross_entropy(WIDE[name](m(x)), y))
    assert train(nn.Linear(8, 2), loss)[0] == []


def test_a_layer_is_reported_where_it_is_constructed():
    def make_model():
        return nn.Sequential(
            nn.Linear(6, 16),
            nn.ReLU(),
            nn.Linear(16, 3),
            nn.Sigmoid(),  # here
        )

    [finding] = find(SLUG, make_model=make_model)
    assert (finding.module, finding.location) == ("3", line_of(make_model, "# here"))
    assert "bounded by sigmoid" in finding.message


def of_log_softmax(model, batch):
    return F.nll_loss(model(batch[0]).sigmoid().log_softmax(1), batch[1])


def normalised_twice(model, batch):
    return F.cross_entropy(model(batch[0]).sigmoid().log_softmax(1), batch[1])


@pytest.mark.parametrize("loss_fn", [of_log_softmax, normalised_twice])
def test_log_softmax_of_squashed_logits(loss_fn):
    assert len(find(SLUG, loss_fn=loss_fn)) == 1
    loss = by_loss(lambda m, x, y: loss_fn(m, (x, y)))
    assert train(nn.Linear(8, 2), loss)[0] == [(SLUG, "error")]


class Cosines(nn.Module):
    def __init__(self, scale, learnt=False, width=6, classes=3):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, width))
        self.scale = nn.Parameter(torch.tensor(float(scale))) if learnt else scale

    def forward(self, x):
        return self.scale * F.linear(F.normalize(x), F.normalize(self.weight))


class ByCosineSimilarity(Cosines):
    def forward(self, x):
        return F.cosine_similarity(x[:, None], self.weight[None], dim=-1) * self.scale


class NormalisedByHand(Cosines):
    def forward(self, x):
        unit = x / x.norm(dim=1, keepdim=True)
        return unit @ (self.weight / self.weight.norm(dim=1, keepdim=True)).T * self.scale


@pytest.mark.parametrize("network", [Cosines, ByCosineSimilarity, NormalisedByHand])
@pytest.mark.parametrize(
    ("scale", "learnt", "found"), [(1.0, False, 1), (16.0, False, 0), (1.0, True, 0)]
)
def test_cosines_need_a_temperature(network, scale, learnt, found):
    findings = find(SLUG, make_model=lambda: network(scale, learnt))
    assert len(findings) == found
    plain = by_loss(lambda m, x, y: F.cross_entropy(m(x), y))
    model = nn.Sequential(nn.Linear(8, 8), network(scale, learnt, width=8, classes=2))
    assert train(model, plain)[0] == [(SLUG, "error")] * found


def contrast(temperature):
    def loss(model, batch):
        one, two = (F.normalize(model(batch[0] + 0.1 * torch.randn(12, 6))) for _ in range(2))
        return F.cross_entropy(one @ two.T / temperature, torch.arange(12))

    return loss


def test_similarities_of_examples_may_have_a_ceiling():
    assert find(SLUG, loss_fn=contrast(0.5)) == []


def distilled(temperature):
    def loss(model, batch):
        goal = (batch[0][:, :3] / temperature).softmax(1)
        return F.cross_entropy(model(batch[0]).tanh(), goal)

    return loss


def test_soft_targets_are_judged_by_what_they_ask_for():
    assert find(SLUG, loss_fn=distilled(4.0)) == []
    assert len(find(SLUG, loss_fn=distilled(0.02))) == 1


def test_label_smoothing_is_no_excuse_for_a_sigmoid():
    def smoothed(model, batch):
        return F.cross_entropy(model(batch[0]).sigmoid(), batch[1], label_smoothing=0.1)

    assert len(find(SLUG, loss_fn=smoothed)) == 1


class Attentive(nn.Module):
    """Attention of multiple-instance learning: tanh and sigmoid, and a layer after them."""

    def __init__(self, width=6, classes=3):
        super().__init__()
        self.value, self.gate = nn.Linear(width, 8), nn.Linear(width, 8)
        self.head = nn.Linear(8, classes)

    def forward(self, x):
        return self.head(self.value(x).tanh() * self.gate(x).sigmoid())


class Gated(Attentive):
    def forward(self, x):
        return self.head(self.value(x)) * self.gate(x).sigmoid().mean(1, keepdim=True)


@pytest.mark.parametrize("network", [Attentive, Gated])
def test_squashing_inside_of_the_network_passes(network):
    assert find(SLUG, make_model=network) == []
    plain = by_loss(lambda m, x, y: F.cross_entropy(m(x), y))
    assert train(network(8, 2), plain)[0] == []


SCALE = nn.Parameter(torch.tensor(1.0))


def test_a_scale_that_is_learnt_outside_of_the_model_passes():
    assert find(SLUG, loss_fn=squashed_by(lambda z: SCALE * z.tanh())) == []
    assert find(SLUG, loss_fn=squashed_by(lambda z: SCALE * z / (1 + z.abs()))) == []


@pytest.mark.parametrize(("classes", "spread"), [(2, 1.0), (10, 2.0), (1000, 20.0)])
def test_what_bounded_logits_cost_with_hard_targets(classes, spread):
    floor = math.log(1 + (classes - 1) * math.exp(-spread))
    wanted = torch.eye(1, classes, dtype=torch.float64)
    assert excess_of_bounded_logits(wanted, spread) == pytest.approx(floor, rel=1e-9)


def test_what_bounded_logits_cost_is_what_descent_finds():
    wanted = torch.tensor([[0.7, 0.2, 0.1, 0.0], [0.25, 0.25, 0.25, 0.25]], dtype=torch.float64)
    raw = torch.zeros(2, 4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([raw], lr=0.1)
    for _ in range(2000):
        optimizer.zero_grad()
        loss = F.cross_entropy(raw.sigmoid() * 1.5, wanted)
        loss.backward()
        optimizer.step()
    entropy = -torch.special.xlogy(wanted, wanted).sum(1).mean()
    assert excess_of_bounded_logits(wanted, 1.5) == pytest.approx(
        float(loss.detach() - entropy), abs=1e-3
    )
    assert excess_of_bounded_logits(wanted[1:], 0.1) == pytest.approx(0.0, abs=1e-9)


class Projected(nn.Module):
    """Logits from an LSTM whose outputs are projections, so that no interval holds them."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 16, proj_size=3, batch_first=True)

    def forward(self, x):
        return self.lstm(x[:, None])[0][:, -1]


class CellState(Projected):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(6, 3, batch_first=True)

    def forward(self, x):
        return self.lstm(x[:, None])[1][1][-1]


class Merged(nn.Module):
    """One logit is bounded, and the others are not."""

    def __init__(self, merge):
        super().__init__()
        self.bounded, self.free, self.merge = nn.Linear(6, 1), nn.Linear(6, 2), merge

    def forward(self, x):
        return self.merge([self.bounded(x).tanh(), self.free(x)])


def concatenated():
    return Merged(lambda parts: torch.cat(parts, 1))


def stacked():
    return Merged(lambda parts: torch.stack([parts[0][:, 0], *parts[1].unbind(1)], 1))


@pytest.mark.parametrize("make_model", [Projected, CellState, concatenated, stacked])
def test_logits_of_which_a_part_alone_is_bounded_pass(make_model):
    def loss(model, batch):
        return F.cross_entropy(model(batch[0]), batch[1])

    assert find(SLUG, make_model=make_model, loss_fn=loss) == []
    by_guards = by_loss(lambda m, x, y: F.cross_entropy(m(x[:, :6]), y))
    assert train(make_model(), by_guards)[0] == []


def test_logits_whose_parts_are_all_bounded_are_found():
    class Bounded(Merged):
        def forward(self, x):
            return self.merge([self.bounded(x).tanh(), self.free(x).sigmoid()])

    def make_model():
        return Bounded(lambda parts: torch.cat(parts, 1))

    def loss(model, batch):
        return F.cross_entropy(model(batch[0]), batch[1])

    assert len(find(SLUG, make_model=make_model, loss_fn=loss)) == 1


def test_guards_do_not_take_a_part_of_binary_logits_for_all():
    def loss(m, x, y):
        logits = m(x)[:, :2]
        parts = torch.cat([logits[:, :1].sigmoid(), logits[:, 1:]], 1)
        return F.binary_cross_entropy_with_logits(parts, F.one_hot(y % 2, 2).float())

    assert train(nn.Linear(8, 2), by_loss(loss))[0] == []
