"""BYOL: online network with predictor, target network by EMA, two noisy views, stop-gradient."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(38)
mixing = torch.randn(3, 16, generator=g)


def draw(n=32):
    s = torch.randn(n, 3, generator=g)
    clean = s @ mixing
    return [clean + 0.3 * torch.randn(n, 16, generator=g) for _ in range(2)]


batch = draw()
val_batches = [draw()]


def mlp(i, h, o, bias):
    return nn.Sequential(
        nn.Linear(i, h, bias=False), nn.BatchNorm1d(h), nn.ReLU(), nn.Linear(h, o, bias=bias)
    )


class BYOL(nn.Module):
    def __init__(self):
        super().__init__()
        self.online = mlp(16, 32, 8, bias=False)
        self.predict = mlp(8, 16, 8, bias=True)
        self.target = copy.deepcopy(self.online).requires_grad_(False)

    def forward(self, x):
        return self.predict(self.online(x))


def make_model():
    return BYOL()


def make_optimizer(model):
    return torch.optim.SGD(
        [*model.online.parameters(), *model.predict.parameters()], lr=0.1, momentum=0.9
    )


def loss_fn(model, batch):
    a, b = batch
    with torch.no_grad():
        ta, tb = model.target(a), model.target(b)
    pa, pb = model(a), model(b)
    return 2 - F.cosine_similarity(pa, tb).mean() - F.cosine_similarity(pb, ta).mean()


def train_step(model, optimizer, batch, decay=0.95):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for t, s in zip(model.target.parameters(), model.online.parameters()):
            t.lerp_(s, 1 - decay)
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    """Share of view pairs that are each other's nearest neighbour in the embedding."""
    was = model.training
    model.eval()
    hit = []
    for a, b in batches:
        sim = F.normalize(model.online(a)) @ F.normalize(model.online(b)).T
        hit.append((sim.argmax(1) == torch.arange(len(a))).float())
    model.train(was)
    return torch.cat(hit).mean().item()
