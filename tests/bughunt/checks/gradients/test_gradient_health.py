"""Gradients that vanish, explode or are not finite."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from guarded_training import Net, cross_entropy, data, watched
from snippets import find, line_of, loss_fn, make_model
from text_model import find_in_text
from torch import nn

from pytest_mlregress.bughunt.guards import watch

# --- hunt ---------------------------------------------------------------------------------------


def test_parameters_that_a_step_by_hand_ruins():
    def step(model, optimizer, batch):
        gradients = torch.autograd.grad(loss_fn(model, batch), list(model.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                parameter -= gradient / (gradient.norm() * 0)

    [finding] = find("nan-gradient", train_step=step)
    assert finding.message.startswith("what training makes of a parameter is not finite")


def test_nan_gradient():
    def rooted(model, batch):
        return (model(batch[0]) * 0).sum(1).sqrt().mean()  # here

    [finding] = find("nan-gradient", loss_fn=rooted, train_step=None)
    assert finding.location == line_of(rooted, "# here")
    assert find("nan-gradient") == []


class SparselyEmbedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 3, sparse=True)

    def forward(self, ids):
        return self.embed(ids).mean(1)


def test_a_sparse_gradient_that_is_not_finite():
    def rooted(model, batch):
        return (model(batch[0]) * 0).sum(1).sqrt().mean()  # here

    program = {"batch": (torch.arange(12).reshape(4, 3),), "train_step": None}
    [finding] = find("nan-gradient", make_model=SparselyEmbedded, loss_fn=rooted, **program)
    assert finding.location == line_of(rooted, "# here")


class Deep(nn.Module):
    activation = torch.sigmoid

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 6) for _ in range(14)])
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        for layer in self.layers:
            x = type(self).activation(layer(x))
        return self.head(x)


class Shallow(Deep):
    def forward(self, x):
        for layer in self.layers:
            x = x + layer(x).tanh()
        return self.head(x)


def test_vanishing_gradient():
    assert len(find("vanishing-gradient", make_model=Deep)) == 1
    assert find("vanishing-gradient", make_model=Shallow) == []


def test_exploding_gradient():
    def huge():
        model = make_model()
        for layer in (model[0], model[2]):
            nn.init.normal_(layer.weight, std=1e4)
        return model

    assert find("exploding-gradient", make_model=huge) != []
    assert find("exploding-gradient") == []


@pytest.mark.parametrize(("scale", "found"), [(1.0, 0), (300.0, 1)])
def test_predictions_far_out_of_the_scale_of_their_targets(scale, found):
    def regressor():
        model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 1))
        nn.init.normal_(model[0].weight, std=scale)
        return model

    def squares(model, batch):
        return F.mse_loss(model(batch[0])[:, 0], batch[1].float())

    assert (
        len(find("exploding-gradient", make_model=regressor, loss_fn=squares, train_step=None))
        == found
    )


class Straight(torch.autograd.Function):
    """Its backward gives a gradient to one of its two inputs, as a router's estimator does."""

    @staticmethod
    def forward(context, kept, chosen):
        return kept * (chosen > 0)

    @staticmethod
    def backward(context, gradient):
        return gradient, None


def routed(m, ids, mask):
    x = m.embed(ids)
    return m.head(Straight.apply(x * 1.0, m.head.weight.mean() + x))


def test_a_gradient_may_be_none_on_the_way():
    assert find_in_text("nan-gradient", routed) == []


# --- guards -------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [2, 9])
def test_nan_is_told_with_the_line_of_its_first_operation(step):
    count = iter(range(100))

    def loss_of(model, x, y):
        scale = 0.0 if next(count) == step else 1.0
        return (model(x).square().sum(-1) * scale).log().mean()  # here

    found, [finding] = watched(loss_of, steps=12)
    assert found == [("nan-gradient", "error")]
    assert finding.location == line_of(loss_of, "# here")
    assert "begins at log" in finding.message


def test_a_step_that_loss_scaling_skips_is_not_a_nan():
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**120)
    model, (x, y) = Net(dropout=0.0), data()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with watch() as guard:
        for _ in range(6):
            optimizer.zero_grad()
            scaler.scale(cross_entropy(model, x, y) * 1e10).backward()
            scaler.step(optimizer)
            scaler.update()
    assert guard.findings == []


def rooted_scores(model, x, y):
    return (0 * model(x).abs()).sqrt().sum()


class Complex(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 2, dtype=torch.cfloat))

    def forward(self, x):
        return (x.to(torch.cfloat) @ self.weight).abs()


class Hashed(SparselyEmbedded):
    def forward(self, x):
        return super().forward((x > 0).long())


@pytest.mark.parametrize("network", [Complex, Hashed])
def test_guards_read_complex_and_sparse_gradients(network):
    found, _ = watched(rooted_scores, model=network())
    assert [slug for slug, _ in found] == ["nan-gradient"]
    found, _ = watched(lambda model, x, y: F.cross_entropy(model(x), y), model=network())
    assert found == []
