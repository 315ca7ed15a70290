"""Training and evaluation mode."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from snippets import find, line_of, loss_fn, train_step
from torch import nn


def make_model():
    return nn.Sequential(
        nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3)
    )


def bare_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss_fn(model, batch).backward()
    optimizer.step()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    return sum(float(loss_fn(model, batch)) for batch in batches)


@torch.no_grad()
def evaluate_and_restore(model, batches):
    model.eval()
    value = sum(float(loss_fn(model, batch)) for batch in batches)
    model.train()
    return value


@torch.no_grad()
def evaluate_in_training_mode(model, batches):
    return sum(float(loss_fn(model, batch)) for batch in batches)


@torch.no_grad()
def evaluate_a_part(model, batches):
    model[0].eval()
    return sum(float(loss_fn(model, batch)) for batch in batches)


@torch.no_grad()
def monte_carlo(model, batches):
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.train()
    value = sum(float(loss_fn(model, batch)) for batch in batches)
    model.train()
    return value


def test_training_goes_on_in_evaluation_mode():
    [finding] = find(
        "missing-train-mode", make_model=make_model, train_step=bare_step, evaluate=evaluate
    )
    assert finding.severity == "error"
    assert line_of(evaluate, "model.eval()").rpartition("/")[2] in finding.evidence


def restore_the_head(model, batches):
    value = evaluate(model, batches)
    model[3].train()
    return value


@pytest.mark.parametrize(("evaluation", "left"), [(evaluate, 2), (restore_the_head, 1)])
def test_without_a_step_an_evaluation_that_stays_in_its_mode_is_a_warning(evaluation, left):
    program = {"make_model": make_model, "train_step": None, "evaluate": evaluation}
    [finding] = find("missing-train-mode", **program)
    assert finding.severity == "warning"
    assert finding.message == "evaluate() leaves the model in evaluation mode"
    assert finding.evidence.startswith(f"{left} of 2 mode-sensitive modules")


@pytest.mark.parametrize("evaluation", [evaluate_and_restore, None])
def test_without_a_step_nothing_is_said_of_a_mode_that_is_restored(evaluation):
    program = {"make_model": make_model, "train_step": None, "evaluate": evaluation}
    assert find("missing-train-mode", **program) == []


def test_without_a_step_the_loss_may_switch_back():
    def trains(model, batch):
        model.train()
        return loss_fn(model, batch)

    program = {"make_model": make_model, "train_step": None, "evaluate": evaluate}
    assert find("missing-train-mode", **program, loss_fn=trains) == []


def test_training_in_evaluation_mode_from_the_start():
    def step(model, optimizer, batch):
        model.eval()
        bare_step(model, optimizer, batch)

    [finding] = find("missing-train-mode", make_model=make_model, train_step=step)
    assert finding.location == line_of(step, "model.eval()")


@pytest.mark.parametrize(
    ("step", "evaluation"), [(train_step, evaluate), (bare_step, evaluate_and_restore)]
)
def test_either_side_may_switch_back(step, evaluation):
    program = {"make_model": make_model, "train_step": step, "evaluate": evaluation}
    assert find("missing-train-mode", **program) == []
    assert find("missing-eval-mode", **program) == []


def test_frozen_batch_norm_is_meant():
    def step(model, optimizer, batch):
        model.train()
        model[1].eval()
        bare_step(model, optimizer, batch)

    program = {"make_model": make_model, "train_step": step, "evaluate": evaluate}
    assert find("missing-train-mode", **program) == []


@pytest.mark.parametrize("evaluation", [evaluate_in_training_mode, evaluate_a_part])
def test_evaluation_in_training_mode(evaluation):
    [finding] = find("missing-eval-mode", make_model=make_model, evaluate=evaluation)
    assert "BatchNorm1d" in finding.evidence


def test_monte_carlo_dropout_is_meant():
    assert find("missing-eval-mode", make_model=make_model, evaluate=monte_carlo) == []


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 3)

    def forward(self, x):
        return self.layer(F.dropout(x, 0.4))  # always on


class Switched(Functional):
    def forward(self, x):
        return self.layer(F.dropout(x, 0.4, self.training))


@pytest.mark.parametrize("evaluation", [evaluate, None])
def test_functional_dropout_that_ignores_the_mode(evaluation):
    [finding] = find("missing-eval-mode", make_model=Functional, evaluate=evaluation)
    assert finding.location == line_of(Functional, "# always on")
    assert find("missing-eval-mode", make_model=Switched, evaluate=evaluation) == []


def test_evaluation_that_changes_the_model():
    @torch.no_grad()
    def clips(model, batches):
        for parameter in model.parameters():
            parameter.clamp_(-0.1, 0.1)
        return evaluate(model, batches)

    @torch.no_grad()
    def swaps(model, batches):
        old = [p.clone() for p in model.parameters()]
        for parameter in model.parameters():
            parameter.mul_(0.5)
        value = evaluate(model, batches)
        for parameter, value_before in zip(model.parameters(), old, strict=True):
            parameter.copy_(value_before)
        return value

    [finding] = find("eval-mutates-model", evaluate=clips)
    assert finding.location == line_of(clips, "clamp_")
    assert find("eval-mutates-model", evaluate=swaps) == []


@pytest.mark.parametrize("step", [train_step, None])
def test_evaluation_is_judged_with_and_without_a_step_of_the_users(step):
    program = {"make_model": make_model, "train_step": step}
    wrong = {**program, "evaluate": evaluate_in_training_mode}
    [finding] = find("missing-eval-mode", **wrong)
    assert finding.location == line_of(evaluate_in_training_mode, "no_grad")
    [finding] = find("eval-mutates-model", **wrong)
    assert finding.module == "1.running_mean"
    assert find("missing-eval-mode", **program, evaluate=evaluate) == []
    assert find("eval-mutates-model", **program, evaluate=evaluate) == []
