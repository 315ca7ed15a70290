"""Contrastive pretraining of two towers on pairs (a vector, a short caption), with a learnt temperature."""

import math

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(2103)
LEXICON = 10
looks = torch.randn(LEXICON, 16, generator=g)


def pairs(n=24):
    words = torch.stack([torch.randperm(LEXICON, generator=g)[:3] for _ in range(n)])
    picture = looks[words].sum(1) + 0.3 * torch.randn(n, 16, generator=g)
    return {"picture": picture, "caption": words}


train_batches = [pairs() for _ in range(8)]
batch = train_batches[0]
val_batches = [pairs() for _ in range(3)]


class CLIP(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.eye = nn.Sequential(nn.Linear(16, 48), nn.GELU(), nn.Linear(48, d, bias=False))
        self.words = nn.Embedding(LEXICON, 32)
        self.tongue = nn.Sequential(nn.LayerNorm(32), nn.Linear(32, d, bias=False))
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        # FINE constant: a fixed temperature
        #: self.logit_scale = torch.tensor(math.log(1 / 0.07))

    def forward(self, picture, caption):
        a = F.normalize(self.eye(picture), dim=-1)
        b = F.normalize(self.tongue(self.words(caption).mean(1)), dim=-1)
        logits = self.logit_scale.exp().clamp(max=100) * a @ b.T
        # BUG sigmoid: softmax-into-cross-entropy
        #: logits = torch.sigmoid(self.logit_scale.exp().clamp(max=100) * a @ b.T)
        return logits


def make_model():
    return CLIP()


def make_optimizer(model):
    return torch.optim.AdamW(
        [
            {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.1},
            {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=3e-3,
    )


def loss_fn(model, batch):
    logits = model(batch["picture"], batch["caption"])
    own = torch.arange(len(logits))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def evaluate(model, batches):
    with torch.no_grad():
        found = [
            model(b["picture"], b["caption"]).argmax(1) == torch.arange(len(b["picture"]))
            for b in batches
        ]
    return torch.cat(found).float().mean().item()
