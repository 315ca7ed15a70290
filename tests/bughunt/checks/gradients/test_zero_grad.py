"""Gradients that leak from one step into the next."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from guarded_training import Net, cross_entropy, data, fit, nothing, watched
from snippets import line_of
from torch import nn

from pytest_mlregress.bughunt import hunt
from pytest_mlregress.bughunt.guards import watch

# --- hunt ---------------------------------------------------------------------------------------


BATCH = (torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3)


def make_model() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def find(train_step, make_optimizer=make_optimizer):
    return hunt(
        make_model,
        BATCH,
        loss_fn=loss_fn,
        make_optimizer=make_optimizer,
        train_step=train_step,
        checks=["missing-zero-grad"],
    )


def never(model, optimizer, batch):
    loss_fn(model, batch).backward()
    optimizer.step()


def test_never_zeroed_is_an_error_at_the_backward_call():
    [finding] = find(never)
    assert finding.severity == "error"
    assert finding.location == f"{__file__}:{never.__code__.co_firstlineno + 1}"


def zeroed(model, optimizer, batch):
    optimizer.zero_grad()
    loss_fn(model, batch).backward()
    optimizer.step()


def zeroed_at_the_end(model, optimizer, batch):
    loss_fn(model, batch).backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)


def zeroed_by_hand(model, optimizer, batch):
    for parameter in model.parameters():
        parameter.grad = None
    loss_fn(model, batch).backward()
    optimizer.step()


def accumulating(model, optimizer, batch):
    optimizer.zero_grad()
    for part in range(2):
        rows = slice(4 * part, 4 * part + 4)
        (loss_fn(model, (batch[0][rows], batch[1][rows])) / 2).backward()
    optimizer.step()


@pytest.mark.parametrize("step", [zeroed, zeroed_at_the_end, zeroed_by_hand, accumulating])
def test_every_way_to_zero_is_silent(step):
    assert find(step) == []


@pytest.mark.parametrize("clipped", [False, True])
def test_cleared_between_micro_batches_only_the_last_one_counts(clipped):
    def step(model, optimizer, batch):
        for part in range(2):
            rows = slice(4 * part, 4 * part + 4)
            optimizer.zero_grad()  # here
            (loss_fn(model, (batch[0][rows], batch[1][rows])) / 2).backward()
        if clipped:
            nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        optimizer.step()

    [finding] = find(step)
    assert "only the last one is used" in finding.message
    assert finding.location == f"{__file__}:{step.__code__.co_firstlineno + 3}"


def in_strides(clear, look=lambda model: None):
    def step(model, optimizer, batch):
        optimizer.zero_grad()
        for part in range(2):
            if clear:
                optimizer.zero_grad()  # here
            dropped = F.dropout(batch[0][part::2], 0.2)
            (loss_fn(model, (dropped, batch[1][part::2])) / 2).backward()
            look(model)
        optimizer.step()

    return step


def test_parts_of_any_kind_are_cleared_by_mistake():
    step = in_strides(clear=True)
    [finding] = find(step)
    assert finding.message.startswith("zero_grad() clears the gradients of one loss part")
    assert finding.location == f"{__file__}:{step.__code__.co_firstlineno + 4}"
    assert find(in_strides(clear=False)) == []


def test_gradients_of_parts_that_are_read_may_be_cleared():
    def look(model):
        model.norms = [float(p.grad.norm()) for p in model.parameters()]

    assert find(in_strides(clear=True, look=look)) == []


def test_closures_that_run_one_after_the_other_are_silent():
    def step(model, optimizer, batch):
        def closure():
            optimizer.zero_grad()
            loss = loss_fn(model, batch)
            loss.backward()
            return loss

        for _ in range(2):
            optimizer.step(closure)

    assert find(step, lambda model: torch.optim.LBFGS(model.parameters(), max_iter=3)) == []


def climbing(clears):
    """Sharpness-aware minimisation: a step up the gradient, then the gradient from up there."""

    def step(model, optimizer, batch):
        optimizer.zero_grad()
        loss_fn(model, batch).backward()
        climb = [0.1 * p.grad.clone() for p in model.parameters()]
        with torch.no_grad():
            for parameter, move in zip(model.parameters(), climb, strict=True):
                parameter.add_(move)
        if clears:
            optimizer.zero_grad()
        loss_fn(model, batch).backward()
        with torch.no_grad():
            for parameter, move in zip(model.parameters(), climb, strict=True):
                parameter.sub_(move)
        optimizer.step()

    return step


def test_gradients_that_a_climb_has_used_are_not_added_to_the_next():
    step = climbing(clears=False)
    [finding] = find(step)
    assert (
        finding.message
        == "gradients that have already updated the parameters are added to the next ones"
    )
    assert finding.location == f"{__file__}:{step.__code__.co_firstlineno + 9}"
    assert find(climbing(clears=True)) == []


def by_hand(clears):
    def step(model, optimizer, batch):
        loss_fn(model, batch).backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= 0.1 * parameter.grad
                if clears:
                    parameter.grad = None

    return step


def test_a_step_by_hand_has_to_clear_its_gradients_too():
    [finding] = find(by_hand(clears=False))
    assert finding.severity == "error"
    assert find(by_hand(clears=True)) == []


def noisy(model, optimizer, batch):
    """Gradients at several random weights are averaged: none has moved them."""
    optimizer.zero_grad()
    for _ in range(2):
        noise = [0.01 * torch.randn_like(p) for p in model.parameters()]
        with torch.no_grad():
            for parameter, move in zip(model.parameters(), noise, strict=True):
                parameter.add_(move)
        loss_fn(model, batch).backward()
        with torch.no_grad():
            for parameter, move in zip(model.parameters(), noise, strict=True):
                parameter.sub_(move)
    optimizer.step()


def test_gradients_at_random_weights_may_be_added():
    assert find(noisy) == []


def test_a_closure_is_silent():
    def step(model, optimizer, batch):
        def closure():
            optimizer.zero_grad()
            loss = loss_fn(model, batch)
            loss.backward()
            return loss

        optimizer.step(closure)

    findings = find(step, lambda model: torch.optim.LBFGS(model.parameters(), max_iter=3))
    assert findings == []
    assert all(skip.partly for skip in findings.skipped)


# --- guards -------------------------------------------------------------------------------------


def test_gradients_that_are_never_zeroed():
    found, [finding] = watched(cross_entropy, before=nothing)
    assert found == [("missing-zero-grad", "error")]
    assert finding.location == line_of(fit, "loss.backward()")


def test_gradients_that_are_zeroed_before_use():
    found, _ = watched(cross_entropy, between=lambda m, o: o.zero_grad())
    assert ("missing-zero-grad", "error") in found


@pytest.mark.parametrize("set_to_none", [True, False])
@pytest.mark.parametrize("place", ["before", "after"])
def test_every_way_to_zero_passes(set_to_none, place):
    places = {"before": nothing, "after": nothing}
    places[place] = lambda model, optimizer: model.zero_grad(set_to_none)
    assert watched(cross_entropy, **places)[0] == []


def test_zeroing_by_hand_passes():
    def zero(model, optimizer):
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad.zero_()

    assert watched(cross_entropy, before=zero)[0] == []


def test_accumulation_passes():
    def before(model, optimizer):
        optimizer.zero_grad()
        for _ in range(2):
            cross_entropy(model, *data()).backward()

    assert watched(cross_entropy, before=before)[0] == []


def test_a_closure_passes():
    model, (x, y) = Net(dropout=0.0), data()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(model, x, y)
        loss.backward()
        return loss

    with watch() as guard:
        for _ in range(5):
            optimizer.step(closure)
    assert guard.findings == []
    assert guard.silent is None
