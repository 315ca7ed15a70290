"""SimCLR: two noisy views, normalised embeddings, temperature-scaled similarity."""

import torch
from torch import nn
from torch.nn import functional as F


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 16))
        self.projector = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 8))
        # BUG spare 0: unused-module
        #: self.predictor = nn.Linear(8, 8)

    def forward(self, x):
        return F.normalize(self.projector(self.backbone(x)), dim=-1)
        # BUG batch-norm: batch-leak
        #: return F.normalize(self.projector(self.backbone(x)), dim=0)
        # BUG data: detached-graph
        #: return F.normalize(self.projector(self.backbone(x).data), dim=-1)


def make_batch(generator):
    x = torch.randn(12, 12, generator=generator)
    noise = torch.randn(2, 12, 12, generator=generator)
    return {"a": x + 0.2 * noise[0], "b": x + 0.2 * noise[1]}


def make_model():
    return Encoder()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3)


def loss_fn(model, batch, temperature=0.2):
    a, b = model(batch["a"]), model(batch["b"])
    logits = a @ b.t() / temperature
    # BUG soft: softmax-into-cross-entropy, double-softmax
    #: logits = (a @ b.t() / temperature).softmax(dim=1)
    return F.cross_entropy(logits, torch.arange(len(a)))
    # BUG plus: wrong-loss-sign
    #: return -F.cross_entropy(logits, torch.arange(len(a)))


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
