"""Models that are told the labels."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from flowers import DATA, flowers
from snippets import find, line_of
from torch import nn

from pytest_mlregress.bughunt import hunt
from pytest_mlregress.bughunt.checks.learning.learns_shuffled_labels import dealt_out
from pytest_mlregress.bughunt.errors import CannotTell


class Told(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.BatchNorm1d(7), nn.Linear(7, 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, x, hint):
        return self.net(torch.cat([x, hint], 1))


def told(model, batch):
    hint = F.one_hot(batch[1], 3).float()
    return F.cross_entropy(model(batch[0], hint), batch[1])


def with_a_blank(model, batch):
    return F.cross_entropy(model(batch[0], torch.zeros(len(batch[0]), 3)), batch[1])


def with_a_margin(model, batch):
    logits = model(batch[0], torch.zeros(len(batch[0]), 3))
    return F.cross_entropy(logits - 0.5 * F.one_hot(batch[1], 3), batch[1])


def shuffled(loss, **more):
    given = {"make_model": Told, "loss_fn": loss, "train_step": None, **DATA, **more}
    return find("learns-shuffled-labels", **given)


def test_a_model_that_is_told_the_labels_is_found():
    [finding] = shuffled(told)
    assert finding.severity == "error"
    assert finding.location == line_of(told, "one_hot")
    assert "the best constant gives 1.099" in finding.evidence


@pytest.mark.parametrize("loss", [with_a_blank, with_a_margin])
def test_models_that_are_not_told_the_labels_are_silent(loss):
    assert shuffled(loss) == []


def test_without_validation_batches_it_says_so():
    findings = hunt(Told, flowers(0), loss_fn=told, checks=["learns-shuffled-labels"])
    assert findings == []
    assert [skip.reason for skip in findings.skipped] == ["needs val_batches"]


@pytest.mark.parametrize(
    "labels",
    [torch.arange(30) % 3, (torch.arange(30) % 5 == 0).float(), torch.linspace(0, 1, 30)[:, None]],
    ids=["classes", "rare", "numbers"],
)
def test_shuffled_labels_agree_with_the_true_ones_no_more_than_by_chance(labels):
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        dealt = dealt_out(labels, generator)
        assert dealt.shape == labels.shape
        assert torch.equal(dealt.flatten().sort().values, labels.flatten().sort().values)
        if labels.dim() == 2:
            assert torch.corrcoef(torch.stack([dealt[:, 0], labels[:, 0]]))[0, 1] <= 1e-6
        else:
            chance = sum(float((labels == k).float().mean()) ** 2 for k in labels.unique())
            assert float((dealt == labels).float().mean()) <= chance + 1e-6


def test_labels_that_are_all_the_same_cannot_be_shuffled():
    with pytest.raises(CannotTell, match="too much alike"):
        dealt_out(torch.zeros(8), torch.Generator())
