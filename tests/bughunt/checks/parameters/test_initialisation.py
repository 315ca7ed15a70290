"""Units and members that are initialised identically and never diverge."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from guarded_training import plain, train
from snippets import find, line_of, make_model
from torch import nn

# --- hunt ---------------------------------------------------------------------------------------


def test_symmetric_init():
    def constant():
        model = make_model()
        for layer in (model[0], model[2]):
            nn.init.constant_(layer.weight, 0.1)
            nn.init.zeros_(layer.bias)
        return model

    def zero_head():
        model = make_model()
        nn.init.zeros_(model[2].weight)
        return model

    [finding] = find("symmetric-init", make_model=constant)
    assert finding.severity == "error"
    assert finding.location == line_of(constant, "constant_")
    assert find("symmetric-init", make_model=zero_head) == []


class Ensemble(nn.Module):
    def __init__(self, clone=True):
        super().__init__()
        first = make_model()
        self.members = nn.ModuleList([first, copy.deepcopy(first) if clone else make_model()])

    def forward(self, x):
        return sum(member(x) for member in self.members)


def test_shared_init():
    assert len(find("shared-init", make_model=Ensemble)) == 1
    assert find("shared-init", make_model=lambda: Ensemble(clone=False)) == []


def test_cloned_layers_that_part_are_legal():
    def make():
        layer = nn.TransformerEncoderLayer(6, 2, 12, dropout=0.0, batch_first=True)
        encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        return nn.Sequential(nn.Unflatten(1, (1, 6)), encoder, nn.Flatten(), nn.Linear(6, 3))

    assert find("shared-init", make_model=make) == []


def test_absent_entries_of_a_module_list_are_legal():
    class Optional(nn.Module):
        def __init__(self, layers):
            super().__init__()
            self.layers = nn.ModuleList(layers)

        def forward(self, x):
            for layer in self.layers:
                x = x if layer is None else layer(x)
            return x

    different = [nn.Linear(6, 6), None, nn.Linear(6, 3), None]
    assert find("shared-init", make_model=lambda: Optional(copy.deepcopy(different))) == []

    def repeated():
        layer = nn.Linear(6, 6)
        return Optional([layer, None, layer, nn.Linear(6, 3)])

    [finding] = find("shared-init", make_model=repeated)
    assert "2 of 3 entries are one Linear" in finding.evidence


# --- guards -------------------------------------------------------------------------------------


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
    assert finding.location == line_of(Members, "self.members = ")


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
    found, findings = train(same(value), plain)
    also = [("constant-output", "warning")] if value == 0 else []
    assert found == [("symmetric-init", "error"), *also]
    assert findings[0].module == "0.weight"


def test_a_head_that_starts_at_zero_passes():
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 2))
    nn.init.zeros_(model[2].weight)
    assert train(model, plain)[0] == []
