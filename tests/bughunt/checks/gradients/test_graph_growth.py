"""Graphs that are kept from step to step."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from guarded_training import cross_entropy, watched
from snippets import find, loss_fn, train_step

# --- hunt ---------------------------------------------------------------------------------------


KEPT: list[torch.Tensor] = []


def test_a_running_mean_in_an_attribute_keeps_every_graph():
    def step(keep):
        def inner(model, optimizer, batch):
            train_step(model, optimizer, batch)
            loss = loss_fn(model, batch)
            model.running = 0.9 * getattr(model, "running", 0.0) + 0.1 * keep(loss)

        return inner

    [finding] = find("graph-growth", train_step=step(lambda loss: loss))
    assert finding.message.startswith("a tensor in an attribute of the model keeps the graphs")
    assert find("graph-growth", train_step=step(torch.Tensor.detach)) == []


def test_graph_growth():
    def keeps(model, optimizer, batch):
        optimizer.zero_grad()
        loss = loss_fn(model, batch)
        loss.backward()
        optimizer.step()
        KEPT.append(loss)

    assert len(find("graph-growth", train_step=keeps)) == 1
    assert find("graph-growth") == []


# --- guards -------------------------------------------------------------------------------------


def test_kept_losses_keep_their_graphs():
    kept = []

    def loss_of(model, x, y):
        kept.append(cross_entropy(model, x, y))
        return kept[-1]

    assert watched(loss_of, steps=24)[0] == [("graph-growth", "error")]


@pytest.mark.parametrize("detached", [False, True])
def test_hidden_states_that_are_kept_keep_what_made_them(detached):
    kept = []

    def loss_of(model, x, y):
        hidden = model.first(x)
        kept.append(hidden.detach() if detached else hidden)
        return F.cross_entropy(model.last(hidden.relu()), y)

    found = watched(loss_of, steps=24)[0]
    assert found == ([] if detached else [("graph-growth", "error")])


def test_numbers_that_are_kept_pass():
    kept = []

    def loss_of(model, x, y):
        loss = cross_entropy(model, x, y)
        kept.append(loss.item())
        return loss

    assert watched(loss_of, steps=24)[0] == []
