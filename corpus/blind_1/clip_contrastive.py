"""Image and text towers aligned with a symmetric N x N contrastive loss."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class TwoTowers(nn.Module):
    def __init__(self):
        super().__init__()
        self.image = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 8))
        self.word = nn.EmbeddingBag(20, 16)
        self.text = nn.Linear(16, 8)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, image, text):
        a = F.normalize(self.image(image), dim=-1)
        b = F.normalize(self.text(self.word(text)), dim=-1)
        return self.logit_scale.exp() * a @ b.t()


def make_batch(generator):
    text = torch.randint(0, 20, (10, 3), generator=generator)
    image = torch.zeros(10, 20).scatter_(1, text, 1.0)[:, :12]
    return image + 0.1 * torch.randn(10, 12, generator=generator), text


def make_model():
    return TwoTowers()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    logits = model(*batch)
    diagonal = torch.arange(len(logits))
    return (F.cross_entropy(logits, diagonal) + F.cross_entropy(logits.t(), diagonal)) / 2


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        model.logit_scale.clamp_(0, math.log(100))
    return loss.item()
