"""A model of texts, after those of transformers and timm in `benchmarks/bughunt/architectures`."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_mlregress.bughunt import hunt

WORDS, LENGTH, WIDTH = 20, 9, 8


class TextNet(nn.Module):
    """A function of (layers, inputs) with an embedding, a linear layer and a head."""

    def __init__(self, function, table=WORDS):
        super().__init__()
        self.function = function
        self.embed = nn.Embedding(table, WIDTH)
        self.mix = nn.Linear(3 * WIDTH, WIDTH)
        self.conv = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(WIDTH, WORDS, bias=False)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def text(n=6):
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([LENGTH, 7, 5, LENGTH, 6, 8])
    mask = torch.arange(LENGTH) < lengths[:, None]
    ids = torch.randint(1, WORDS, (n, LENGTH), generator=generator) * mask
    return {"ids": ids, "mask": mask.long(), "labels": ids.masked_fill(~mask, -100)}


def token_loss(model, batch):
    logits = model(batch["ids"], batch["mask"])
    return F.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten())


def find_in_text(slug, function, *, loss_fn=token_loss, table=WORDS, batch=None):
    return hunt(
        lambda: TextNet(function, table),
        batch or text(),
        loss_fn=loss_fn,
        make_optimizer=lambda model: torch.optim.AdamW(model.parameters()),
        checks=[slug],
    )


def scores_of(x, mask):
    return x @ x.transpose(-1, -2) + (mask[:, None] - 1) * 1e9


def head_of_embedding(m, ids, mask):
    return m.head(m.embed(ids))
