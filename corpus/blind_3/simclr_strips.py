"""Contrastive pretraining on one-dimensional strips: two noisy views per example, NT-Xent."""

import torch
import torch.nn.functional as F
from torch import nn

LENGTH = 20


def strips(n, seed):
    g = torch.Generator().manual_seed(seed)
    base = torch.randn(n, 1, LENGTH, generator=g)
    views = [base + 0.15 * torch.randn(n, 1, LENGTH, generator=g) for _ in range(2)]
    return tuple(views)


class Encoder(nn.Module):
    def __init__(self, width=12, out=8):
        super().__init__()
        self.out = out
        self.backbone = nn.Sequential(
            nn.Conv1d(1, width, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv1d(width, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.proj1 = nn.Linear(5 * width, 24, bias=False)
        # BUG projbias: bias-before-batchnorm
        #: self.proj1 = nn.Linear(5 * width, 24)
        self.norm = nn.BatchNorm1d(24)
        self.proj2 = nn.Linear(24, out)

    def forward(self, x):
        h = self.backbone(x)
        return F.normalize(self.proj2(F.relu(self.norm(self.proj1(h)))), dim=-1)


def nt_xent(model, a, b, temperature=0.2):
    n = len(a)
    z = model(torch.cat([a, b])).view(2, n, model.out)
    z1, z2 = z[0], z[1]
    # BUG pairview 2: view-instead-of-permute
    #: z = model(torch.cat([a, b])).view(n, 2, model.out) #!
    #: z1, z2 = z[:, 0], z[:, 1]
    # FINE chunked 2: the same halves
    #: z1, z2 = model(torch.cat([a, b])).chunk(2)
    logits = z1 @ z2.t() / temperature
    same = torch.arange(n)
    return 0.5 * (F.cross_entropy(logits, same) + F.cross_entropy(logits.t(), same))
    # BUG simprobs 2: softmax-into-cross-entropy, double-softmax
    #: same = torch.arange(n)
    #: rows, cols = logits.softmax(1), logits.t().softmax(1)
    #: return 0.5 * (F.cross_entropy(rows, same) + F.cross_entropy(cols, same))


def loss_fn(model, batch):
    return nt_xent(model, *batch)


def make_model():
    model = Encoder()
    return model
    # BUG borneval: missing-train-mode
    #: return model.eval()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    # BUG backbonezero: missing-zero-grad
    #: model.backbone.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    was_training = model.training
    model.eval()
    # BUG flag: missing-eval-mode
    #: model.training = False
    right = 0.0
    with torch.no_grad():
        for a, b in batches:
            best = (model(a) @ model(b).t()).argmax(1)
            right += (best == torch.arange(len(a))).float().mean().item()
    model.train(was_training)
    return right / len(batches)


batch = strips(24, 0)
val_batches = [strips(24, 300), strips(24, 301)]
