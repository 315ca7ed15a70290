"""A model that cannot be copied, and its nested batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class Uncopiable(nn.Module):
    """A model that holds what cannot be copied, on a batch of nested dicts with strings."""

    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(10, 8), nn.Linear(8, 3)
        self.stream = (number for number in range(3))

    def __deepcopy__(self, memo):
        raise TypeError("cannot be copied")

    def forward(self, inputs):
        assert isinstance(inputs["meta"]["name"][0], str)
        return self.head(self.embedding(inputs["ids"]).mean(1))


def batch():
    ids = torch.arange(24).view(6, 4) % 10
    return {"ids": ids, "meta": {"name": list("abcdef")}, "labels": torch.arange(6) % 3}


def nested_loss(model, batch):
    return F.cross_entropy(model(batch), batch["labels"])
