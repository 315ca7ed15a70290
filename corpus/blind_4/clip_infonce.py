"""Two-tower contrastive learning, symmetric InfoNCE, learned temperature clamped after each step."""

import math

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(24)
A, B = torch.randn(6, 16, generator=g), torch.randn(6, 12, generator=g)


def draw(n=16):
    z = torch.randn(n, 6, generator=g)
    return {
        "image": z @ A + 0.1 * torch.randn(n, 16, generator=g),
        "text": torch.tanh(z @ B) + 0.1 * torch.randn(n, 12, generator=g),
    }


batch = draw()
val_batches = [draw(), draw()]


class Clip(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.image = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, d, bias=False))
        self.text = nn.Sequential(nn.Linear(12, 32), nn.GELU(), nn.Linear(32, d, bias=False))
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(self, image, text):
        i = F.normalize(self.image(image), dim=-1)
        t = F.normalize(self.text(text), dim=-1)
        return self.log_scale.exp() * i @ t.T


def make_model():
    return Clip()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)


def loss_fn(model, batch):
    logits = model(batch["image"], batch["text"])
    pair = torch.arange(len(logits))
    return (F.cross_entropy(logits, pair) + F.cross_entropy(logits.T, pair)) / 2


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        model.log_scale.clamp_(0, math.log(100))
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    hit = [model(**b).argmax(1) == torch.arange(len(b["image"])) for b in batches]
    return torch.cat(hit).float().mean().item()
