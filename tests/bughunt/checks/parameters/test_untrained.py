"""Parameters that no optimizer owns, that no module registers, or that are frozen."""

from __future__ import annotations

import pytest
import torch
from guarded_training import Net, cross_entropy, watched
from snippets import BATCH, find, line_of, loss_fn, make_model, train_step
from torch import nn

from pytest_mlregress.bughunt.guards import watch

# --- hunt ---------------------------------------------------------------------------------------


class Hidden(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(6, 6), nn.Linear(6, 3)]

    def forward(self, x):
        return self.layers[1](self.layers[0](x).relu())


class HiddenTeacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = make_model()
        self.teacher = [make_model().requires_grad_(False)]

    def forward(self, x):
        return self.student(x) + self.teacher[0](x)


def test_unregistered_parameters():
    def own(model):
        return torch.optim.Adam([torch.zeros(1, requires_grad=True)])

    [finding] = find("unregistered-parameters", make_model=Hidden, make_optimizer=own)
    assert finding.module.startswith("layers[")
    assert finding.location == line_of(Hidden, "self.layers =")
    assert find("unregistered-parameters", make_model=HiddenTeacher) == []


def test_optimizer_misses_parameters():
    def partial(model):
        return torch.optim.Adam(model[0].parameters())

    def frozen():
        model = make_model()
        model[2].requires_grad_(False)
        return model

    [finding] = find("optimizer-misses-parameters", make_optimizer=partial)
    assert finding.location == line_of(partial, "Adam")
    assert find("optimizer-misses-parameters", make_optimizer=partial, make_model=frozen) == []
    assert len(find("optimizer-misses-parameters", make_optimizer=partial, train_step=None)) == 1


class Rivals(nn.Module):
    def __init__(self):
        super().__init__()
        self.maker, self.judge = nn.Linear(6, 6), nn.Linear(6, 1)


def rivals_optimizers(model):
    return [torch.optim.SGD(part.parameters(), lr=0.1) for part in (model.maker, model.judge)]


def rivals_loss(model, batch):
    return model.judge(model.maker(batch[0])).square().mean()


def rivals_step(second):
    def step(model, optimizers, batch):
        maker, judge = optimizers
        judge.zero_grad()
        model.judge(batch[0]).mean().backward()
        judge.step()
        maker.zero_grad()
        rivals_loss(model, batch).backward()
        if second == "maker":
            maker.step()
        elif second == "judge":
            judge.step()  # here

    return step


@pytest.mark.parametrize(("second", "found"), [("judge", 1), ("maker", 0), ("waits", 0)])
def test_the_wrong_one_of_two_optimizers_steps(second, found):
    step = rivals_step(second)
    findings = find(
        "optimizer-misses-parameters",
        make_model=Rivals,
        make_optimizer=rivals_optimizers,
        loss_fn=rivals_loss,
        train_step=step,
    )
    assert [f.location for f in findings] == [line_of(step, "# here")] * found


def test_a_module_flag_that_torch_never_reads():
    def make():
        model = make_model()
        model[0].requires_grad = False
        return model

    [finding] = find("frozen-parameter", make_model=make)
    assert "attribute of the module" in finding.message
    assert find("frozen-parameter") == []


def freezing(thaws):
    def step(model, optimizer, batch):
        if thaws:
            model.requires_grad_(True)
        train_step(model, optimizer, batch)

    return step


def evaluate_frozen(model, batches):
    model[0].requires_grad_(False)
    return float(loss_fn(model, BATCH))


@pytest.mark.parametrize(("thaws", "found"), [(True, 0), (False, 1)])
def test_what_an_evaluation_freezes_the_next_step_may_thaw(thaws, found):
    findings = find("frozen-parameter", train_step=freezing(thaws), evaluate=evaluate_frozen)
    assert len(findings) == found


# --- guards -------------------------------------------------------------------------------------


def test_parameters_that_no_optimizer_owns():
    found, [finding] = watched(
        cross_entropy, optimizer_of=lambda m: torch.optim.SGD(m.last.parameters(), lr=0.1)
    )
    assert found == [("optimizer-misses-parameters", "error")]
    assert finding.module == "first.weight"


def test_a_model_that_outlives_its_optimizer_is_judged_by_what_was_seen_before():
    model = Net()
    found, _ = watched(
        cross_entropy,
        model=model,
        optimizer_of=lambda m: torch.optim.SGD(m.last.parameters(), lr=0.1),
    )
    assert found == [("optimizer-misses-parameters", "error")]


def test_frozen_parameters_outside_of_the_optimizer_pass():
    model = Net()
    model.first.requires_grad_(False)
    found, _ = watched(
        cross_entropy,
        model=model,
        optimizer_of=lambda m: torch.optim.SGD(m.last.parameters(), lr=0.1),
    )
    assert found == []


def test_optimising_an_input_through_a_fixed_model_passes():
    model, image = Net(dropout=0.0), torch.zeros(1, 8, requires_grad=True)
    optimizer = torch.optim.Adam([image], lr=0.1)
    with watch() as guard:
        for _ in range(6):
            optimizer.zero_grad()
            model(image).square().sum().backward()
            optimizer.step()
    assert guard.findings == []


class HiddenLayer(Net):
    def __init__(self, container, frozen=False, evaluating=False):
        super().__init__(dropout=0.0)
        layer = nn.Linear(8, 8).requires_grad_(not frozen).train(not evaluating)
        self.layers = {"one": layer} if container is dict else container([layer])

    def forward(self, x):
        [layer] = self.layers.values() if isinstance(self.layers, dict) else self.layers
        return super().forward(layer(x))


@pytest.mark.parametrize("container", [list, dict])
def test_parameters_that_the_model_does_not_know(container):
    found, [finding] = watched(cross_entropy, model=HiddenLayer(container))
    assert found == [("unregistered-parameters", "error")]
    assert finding.module == {list: "layers[0].weight", dict: "layers['one'].weight"}[container]
    assert finding.location == f"{__file__}:{HiddenLayer.__init__.__code__.co_firstlineno}"


@pytest.mark.parametrize(
    "model",
    [
        HiddenLayer(nn.ModuleList),
        HiddenLayer(list, frozen=True),
        HiddenLayer(list, evaluating=True),
    ],
    ids=["registered", "frozen", "in evaluation mode"],
)
def test_parameters_that_are_known_or_hidden_on_purpose_pass(model):
    assert watched(cross_entropy, model=model)[0] == []


def test_an_optimizer_of_a_copy_changes_nothing():
    copy = Net()
    found, _ = watched(
        cross_entropy,
        before=lambda m, o: m.zero_grad(),
        optimizer_of=lambda m: torch.optim.SGD(copy.parameters(), lr=0.1),
    )
    assert ("detached-graph", "error") in found
