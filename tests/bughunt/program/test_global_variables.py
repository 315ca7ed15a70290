"""Global variables of the user are put back."""

from __future__ import annotations

from small_program import BATCH, WHOLE, loss_fn, make_model

from pytest_mlregress.bughunt import hunt

LOSSES: list[float] = []
CALLS = 0


def counting_step(model, optimizer, batch):
    global CALLS
    CALLS += 1
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    LOSSES.append(loss.item())


def test_counters_and_lists_of_the_users_module_are_put_back():
    hunt(make_model, BATCH, **{**WHOLE, "train_step": counting_step})
    assert CALLS == 0
    assert LOSSES == []
