"""Modules that are not used or get no gradient."""

from __future__ import annotations

import pytest
import torch
from guarded_training import plain, train
from snippets import find, line_of
from text_model import WIDTH, TextNet, head_of_embedding, text, token_loss
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_mlregress.bughunt import hunt

# --- hunt ---------------------------------------------------------------------------------------


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.gate, self.head = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 3)

    def mix(self, x):
        return self.body(x) * self.gate(x).sigmoid()

    def forward(self, x):
        return self.head(self.mix(x))


class Cut(Branch):
    def mix(self, x):
        return self.body(x) * self.gate(x).sigmoid().detach()  # here


class NoGrad(Branch):
    def mix(self, x):
        with torch.no_grad():  # here
            gate = self.gate(x).sigmoid()
        return self.body(x) * gate


class Unused(Branch):
    def mix(self, x):
        return self.body(x)


class ZeroGate(Branch):
    def __init__(self):
        super().__init__()
        nn.init.zeros_(self.head.weight)


@pytest.mark.parametrize("model", [Cut, NoGrad])
def test_detached_graph(model):
    [finding] = find("detached-graph", make_model=model)
    assert finding.severity == "error"
    assert finding.location == line_of(model, "# here")


def rivals(first_loss):
    """A step with two optimizers whose losses pull the scorer's offset up and down alike."""

    def step(model, optimizers, batch):
        maker, scorer = optimizers
        made = model.body(batch[0])
        scorer.zero_grad()
        first_loss(model, made.detach(), batch[0]).backward()
        scorer.step()
        maker.zero_grad()
        (-model.head(made).mean()).backward()
        maker.step()

    return step


def margin(model, made, x):
    return model.head(made).mean() - model.head(x @ torch.ones(6, 8)).mean()


def margin_with_slope(model, made, x):
    made.requires_grad_()
    slope = torch.autograd.grad(model.head(made).sum(), made, create_graph=True)[0]
    return margin(model, made, x) + slope.square().sum(1).mean()


def margin_of_a_cut_gate(model, made, x):
    return margin(model, made * model.gate(x).detach(), x)  # here


def two_optimizers(model):
    scorer = [*model.head.parameters(), *model.gate.parameters()]
    return [
        torch.optim.SGD(model.body.parameters(), lr=0.1),
        torch.optim.SGD(scorer, lr=0.1),
    ]


@pytest.mark.parametrize("loss", [margin, margin_with_slope])
def test_influence_is_measured_on_the_loss_of_the_own_optimizer(loss):
    def head_only(model):
        optimizers = two_optimizers(model)
        optimizers[1] = torch.optim.SGD(model.head.parameters(), lr=0.1)
        return optimizers

    program = {"make_model": Branch, "make_optimizer": head_only, "train_step": rivals(loss)}
    assert find("detached-graph", **program) == []


def test_detached_graph_of_one_of_two_optimizers():
    step = rivals(margin_of_a_cut_gate)
    [finding] = find(
        "detached-graph", make_model=Branch, make_optimizer=two_optimizers, train_step=step
    )
    assert finding.location == line_of(margin_of_a_cut_gate, "# here")


def test_unused_module():
    [finding] = find("unused-module", make_model=Unused)
    assert (finding.severity, finding.module) == ("warning", "gate")
    for model in (Branch, ZeroGate):
        assert find("unused-module", make_model=model) == []
        assert find("detached-graph", make_model=model) == []


class Product(nn.Module):
    """Two tables whose product is the answer."""

    def __init__(self, scale):
        super().__init__()
        self.left, self.right = nn.Linear(6, 4, bias=False), nn.Linear(6, 4, bias=False)
        self.scale = nn.Parameter(torch.ones(1))
        nn.init.zeros_(self.left.weight)
        nn.init.constant_(self.right.weight, scale)

    def forward(self, x):
        return (self.left(x) * self.right(x)).sum(1, keepdim=True) + self.scale


def product_loss(model, batch):
    return (model(batch[0])[:, 0] - 3 - batch[0][:, 0]).square().mean()


@pytest.mark.parametrize(("scale", "found"), [(0.0, 1), (0.3, 0)])
def test_factors_that_hold_each_other_at_zero(scale, found):
    findings = find(
        "vanishing-gradient",
        make_model=lambda: Product(scale),
        loss_fn=product_loss,
        train_step=product_step,
    )
    assert [f.module for f in findings] == ["left.weight"] * found


def product_step(model, optimizer, batch):
    optimizer.zero_grad()
    product_loss(model, batch).backward()
    optimizer.step()


class Towers(TextNet):
    """With a tower for images that texts do not use, one parameter of which is frozen."""

    def __init__(self):
        super().__init__(head_of_embedding)
        self.tower = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4))
        self.tower[0].bias.requires_grad_(False)


def loss_of_all_but_the_conv(model, batch):
    x = model.mix(model.embed(batch["ids"]).repeat(1, 1, 3))
    return F.cross_entropy(model.head(x).flatten(0, 1), batch["labels"].flatten())


def test_an_unused_branch_is_one_finding():
    [conv, tower] = hunt(
        Towers,
        text(),
        loss_fn=loss_of_all_but_the_conv,
        make_optimizer=lambda model: torch.optim.AdamW(model.parameters()),
        checks=["unused-module"],
    )
    assert (conv.module, tower.module) == ("conv", "tower")
    assert "changing 5 parameters" in tower.evidence


class LayerDrop(TextNet):
    """Each of two layers is left out of half of all passes: both of them out of a quarter."""

    def __init__(self):
        super().__init__(head_of_embedding)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2))

    def forward(self, ids, mask):
        x = self.mix(self.embed(ids).repeat(1, 1, 3)) + self.conv.weight.mean()
        for layer, noise_tensors in zip(self.layers, torch.rand(2), strict=True):
            x = x if noise_tensors < 0.5 else x + layer(x)
        return self.head(x + self.conv.bias)


def test_layers_that_one_pass_leaves_out_at_random_are_used():
    for skipped in range(6):  # so that some of the first passes leave out both layers

        def loss_fn(model, batch, skipped=skipped):
            torch.rand(skipped)
            return token_loss(model, batch)

        findings = hunt(
            LayerDrop,
            text(),
            loss_fn=loss_fn,
            make_optimizer=lambda model: torch.optim.AdamW(model.parameters()),
            checks=["unused-module", "detached-graph"],
        )
        assert findings == []


# --- guards -------------------------------------------------------------------------------------


class Spare(nn.Module):
    def __init__(self, uses=1, parts=2):
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(8, 2) for _ in range(parts))
        self.uses, self.calls = uses, 0

    def forward(self, x):
        self.calls += 1
        return self.parts[self.calls % self.uses](x)


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD])
def test_a_layer_that_never_runs_is_a_warning(kind):
    model = Spare()
    found, [finding] = train(model, plain, optimizer=kind(model.parameters(), lr=0.1))
    assert found == [("unused-module", "warning")]
    assert finding.module == "parts.1"
    assert finding.location == line_of(Spare, "self.parts = ")


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD])
def test_parts_of_which_each_step_chooses_pass(kind):
    model = Spare(uses=2, parts=3)
    assert train(model, plain, optimizer=kind(model.parameters(), lr=0.1))[0] == []


def test_layers_that_no_optimizer_owns_or_that_run_for_nothing_pass():
    model = Spare()
    model.parts[1].requires_grad_(False)
    assert train(model, plain)[0] == []

    class Pooled(Spare):
        def forward(self, x):
            self.parts[1](x)
            return super().forward(x)

    assert train(Pooled(), plain)[0] == []


def test_a_part_whose_turn_comes_later_passes():
    def by_phase(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model.parts[model.calls // 60](x), y).backward()
        optimizer.step()
        model.calls += 1

    assert train(Spare(), by_phase, steps=120)[0] == []
