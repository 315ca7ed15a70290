"""Skip-gram with negative sampling and sparse-looking embeddings."""

import torch
from torch import nn
from torch.nn import functional as F


class SkipGram(nn.Module):
    def __init__(self, vocab=20, width=8):
        super().__init__()
        self.centre, self.context = nn.Embedding(vocab, width), nn.Embedding(vocab, width)
        nn.init.uniform_(self.centre.weight, -0.5, 0.5)
        nn.init.uniform_(self.context.weight, -0.5, 0.5)

    def forward(self, centre, context):
        return torch.einsum("bw,bkw->bk", self.centre(centre), self.context(context))


def make_batch(generator):
    centre = torch.randint(0, 20, (16,), generator=generator)
    near = (centre + 1) % 20
    far = torch.randint(0, 20, (16, 4), generator=generator)
    return {"centre": centre, "context": torch.cat([near[:, None], far], 1)}


def make_model():
    return SkipGram()


def make_optimizer(model):
    return torch.optim.Adagrad(model.parameters(), lr=0.1)


def loss_fn(model, b):
    score = model(b["centre"], b["context"])
    return -(F.logsigmoid(score[:, 0]) + F.logsigmoid(-score[:, 1:]).sum(1)).mean()
