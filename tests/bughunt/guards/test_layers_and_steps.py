"""Guards on what layers are made of and what steps leave behind, each beside what is meant."""

from __future__ import annotations

import copy
import inspect

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from torch import nn  # noqa: E402

from pytest_mlregress.bughunt.guards import watch  # noqa: E402


def data(count=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 8, generator=generator)
    return x, (x[:, 0] > 0).long()


def train(model, step, *, steps=16, optimizer=None):
    """Found slugs with severities, and the findings, of `steps` calls of ``step``."""
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=1e-2)
    with watch() as guard:
        for index in range(steps):
            step(model, optimizer, *data(seed=index % 3))
    assert guard.silent is None
    return [(f.check, f.severity) for f in guard.findings], guard.findings


def plain(model, optimizer, x, y):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


def line_of(function, text):
    lines, first = inspect.getsourcelines(function)
    [found] = [first + index for index, line in enumerate(lines) if text in line]
    return f"{__file__}:{found}"


class Normed(nn.Module):
    def __init__(self, layer, norm=None, between=lambda x: x):
        super().__init__()
        self.layer, self.norm = layer, norm or nn.BatchNorm1d(16)
        self.between, self.last = between, nn.Linear(16, 2)

    def forward(self, x):
        return self.last(self.norm(self.between(self.layer(x))).relu())  # norm


def test_a_bias_before_batch_norm_is_a_warning_with_its_name():
    found, [finding] = train(Normed(nn.Linear(8, 16)), plain)
    assert found == [("bias-before-batchnorm", "warning")]
    assert finding.module == "layer.bias"
    assert finding.location == line_of(Normed.forward, "# norm")


@pytest.mark.parametrize(
    "model",
    [
        Normed(nn.Linear(8, 16, bias=False)),
        Normed(nn.Linear(8, 16), between=torch.tanh),
        Normed(nn.Linear(8, 16), norm=nn.LayerNorm(16)),
        Normed(nn.Linear(8, 16), norm=nn.BatchNorm1d(16).eval()),
    ],
    ids=["no bias", "an activation between", "layer norm", "frozen batch norm"],
)
def test_biases_that_batch_norm_does_not_take_away_pass(model):
    assert train(model, plain)[0] == []


class Attention(nn.Module):
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
    found, [finding] = train(Attention(average), plain)
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
    assert train(Attention(MEANT[name]), plain)[0] == []


class Members(nn.Module):
    def __init__(self, members):
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, x):
        return torch.stack([member(x) for member in self.members])


def each(model, optimizer, x, y):
    optimizer.zero_grad()
    sum(F.cross_entropy(guess, y) for guess in model(x)).backward()
    optimizer.step()


def copies():
    first = nn.Linear(8, 2)
    return [first, copy.deepcopy(first)]


def test_members_that_start_and_stay_equal_are_an_error():
    found, [finding] = train(Members(copies()), each)
    assert found == [("shared-init", "error")]
    assert finding.module == "members.1.weight"
    assert finding.location == f"{__file__}:{Members.__init__.__code__.co_firstlineno}"


def only_the_first(model, optimizer, x, y):
    optimizer.zero_grad()
    F.cross_entropy(model(x)[0], y).backward()
    optimizer.step()


def other_examples(model, optimizer, x, y):
    optimizer.zero_grad()
    one, other = model(x)
    (F.cross_entropy(one[:16], y[:16]) + F.cross_entropy(other[16:], y[16:])).backward()
    optimizer.step()


def test_copies_that_part_or_that_only_follow_pass():
    assert train(Members(copies()), other_examples)[0] == []
    target = Members(copies())
    target.members[1].requires_grad_(False)
    assert train(target, only_the_first)[0] == []


def test_two_trainings_of_one_seed_are_no_copies():
    one, other = copies()
    optimizer = torch.optim.Adam(other.parameters(), lr=1e-2)

    def both(model, own, x, y):
        plain(model, own, x, y)
        plain(other, optimizer, x, y)

    assert train(one, both)[0] == []


def same(value):
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))
    for layer in (model[0], model[2]):
        nn.init.constant_(layer.weight, value)
        nn.init.zeros_(layer.bias)
    return model


@pytest.mark.parametrize("value", [0.0, 0.1])
def test_units_that_are_and_stay_alike_are_an_error(value):
    found, [finding] = train(same(value), plain)
    assert found == [("symmetric-init", "error")]
    assert finding.module == "0.weight"


def test_a_head_that_starts_at_zero_passes():
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))
    nn.init.zeros_(model[2].weight)
    assert train(model, plain)[0] == []


def renewed(make, after=lambda model: None):
    def step(model, optimizer, x, y):
        own = make(model.parameters())  # made
        plain(model, own, x, y)
        after(model)

    return step


@pytest.mark.parametrize(
    "make",
    [
        lambda parameters: torch.optim.Adam(parameters),  # made anew
        lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    ],
)
def test_an_optimizer_per_step_that_keeps_a_state_is_an_error(make):
    found, [finding] = train(nn.Linear(8, 2), renewed(make))
    assert found == [("optimizer-recreated", "error")]
    assert finding.location == f"{__file__}:{make.__code__.co_firstlineno}"


def test_optimizers_without_state_or_for_models_that_are_put_back_pass():
    assert train(nn.Linear(8, 2), renewed(lambda p: torch.optim.SGD(p, lr=0.1)))[0] == []
    model = nn.Linear(8, 2)
    start = copy.deepcopy(model.state_dict())
    adapt = renewed(torch.optim.Adam, after=lambda m: m.load_state_dict(start))
    assert train(model, adapt)[0] == []


def scaled(order):
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

    def step(model, optimizer, x, y):
        optimizer.zero_grad()
        scaler.scale(F.cross_entropy(model(x), y)).backward()
        order(scaler, optimizer, model)
        scaler.step(optimizer)
        scaler.update()

    return step


def clip_scaled(scaler, optimizer, model):
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # clips


def unscale_and_clip(scaler, optimizer, model):
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)


def clip_to_scaled_limit(scaler, optimizer, model):
    nn.utils.clip_grad_norm_(model.parameters(), 1.0 * scaler.get_scale())


def test_clipping_gradients_that_are_still_scaled_is_an_error():
    found, [finding] = train(nn.Linear(8, 2), scaled(clip_scaled))
    assert found == [("clip-misorder", "error")]
    assert finding.location == line_of(clip_scaled, "# clips")


@pytest.mark.parametrize("order", [unscale_and_clip, clip_to_scaled_limit])
def test_clipping_with_the_scale_in_mind_passes(order):
    assert train(nn.Linear(8, 2), scaled(order))[0] == []
