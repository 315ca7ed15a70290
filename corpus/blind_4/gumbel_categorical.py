"""Discrete latent variables by hard Gumbel softmax; the temperature cools down by a step counter; argmax in evaluation."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(40)
proto = (torch.rand(4, 20, generator=g) < 0.5).float()


def draw(n=32):
    x = proto[torch.randint(0, 4, (n,), generator=g)]
    flip = torch.rand(n, 20, generator=g) < 0.05
    return torch.where(flip, 1 - x, x)


batch = draw()
val_batches = [draw()]


class Discrete(nn.Module):
    def __init__(self, m=3, k=4):
        super().__init__()
        self.m, self.k = m, k
        self.enc = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, m * k))
        self.dec = nn.Sequential(nn.Linear(m * k, 32), nn.ReLU(), nn.Linear(32, 20))
        self.tau = 1.0

    def forward(self, x):
        logits = self.enc(x).view(-1, self.m, self.k)
        if self.training:
            code = F.gumbel_softmax(logits, tau=self.tau, hard=True, dim=-1)
        else:
            code = F.one_hot(logits.argmax(-1), self.k).to(logits)
        return self.dec(code.flatten(1)), logits


def make_model():
    return Discrete()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    out, logits = model(batch)
    rec = F.binary_cross_entropy_with_logits(out, batch, reduction="sum") / len(batch)
    logq = logits.log_softmax(-1)
    kl = (logq.exp() * (logq + torch.tensor(float(model.k)).log())).sum((1, 2)).mean()
    return rec + 0.1 * kl


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    model.tau = max(0.4, model.tau * 0.99)
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    was = model.training
    model.eval()
    wrong = [((model(b)[0] > 0).float() != b).float().mean() for b in batches]
    model.train(was)
    return torch.stack(wrong).mean().item()
