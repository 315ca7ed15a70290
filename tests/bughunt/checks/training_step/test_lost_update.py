"""Updates that are lost."""

from __future__ import annotations

import copy

from snippets import find, line_of, loss_fn, train_step


def test_lost_update():
    def put_back(model, optimizer, batch):
        old = copy.deepcopy(model.state_dict())
        train_step(model, optimizer, batch)
        model.load_state_dict(old)

    def never(model, optimizer, batch):
        optimizer.zero_grad()
        loss_fn(model, batch).backward()

    for step in (put_back, never):
        assert len(find("lost-update", train_step=step)) == 1
    assert find("lost-update") == []


def test_a_step_that_trains_a_copy():
    def step(model, optimizer, batch):
        model = copy.deepcopy(model)
        optimizer.zero_grad()
        loss_fn(model, batch).backward()
        optimizer.step()

    [finding] = find("lost-update", train_step=step)
    assert finding.location == line_of(step, "backward")
    assert find("detached-graph", train_step=step) == []
