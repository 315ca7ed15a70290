"""CosFace: normalised prototypes without bias, a margin on the true class's cosine, a fixed scale."""

import math

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(1801)
IDS = 7
identity = torch.randn(IDS, 12, generator=g)


def faces(n=28):
    who = torch.arange(n) % IDS
    light = 0.7 + 0.6 * torch.rand(n, 1, generator=g)
    return {"face": light * identity[who] + 0.7 * torch.randn(n, 12, generator=g), "who": who}


train_batches = [faces() for _ in range(6)]
batch = train_batches[0]
val_batches = [faces(70)]


class CosFace(nn.Module):
    def __init__(self, d=10, scale=20.0, margin=0.25):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(12, 40), nn.LeakyReLU(0.1), nn.Linear(40, d))
        self.prototypes = nn.Parameter(nn.init.xavier_normal_(torch.empty(IDS, d)))
        self.scale, self.margin = scale, margin

    def forward(self, face):
        return F.normalize(self.net(face), dim=1)

    def logits(self, face, who=None):
        cos = self(face) @ F.normalize(self.prototypes, dim=1).T
        if who is None:
            return self.scale * cos
        own = F.one_hot(who, IDS).to(cos.dtype)
        return self.scale * (cos - self.margin * own)
        # FINE arc: ArcFace's angular margin
        #: sin = (1 - cos.square()).clamp(min=1e-6).sqrt()
        #: turned = cos * math.cos(self.margin) - sin * math.sin(self.margin)
        #: return self.scale * torch.where(own.bool(), turned, cos)


def make_model():
    return CosFace()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)


def loss_fn(model, batch):
    return F.cross_entropy(model.logits(batch["face"], batch["who"]), batch["who"])


@torch.no_grad()
def evaluate(model, batches):
    """Does the nearest other face show the same person?"""
    e = torch.cat([model(b["face"]) for b in batches])
    who = torch.cat([b["who"] for b in batches])
    nearest = (e @ e.T).fill_diagonal_(-2).argmax(1)
    return (who[nearest] == who).float().mean().item()
