"""Cox regression with a neural risk score: Breslow's partial likelihood, the score's offset cancels."""

import torch
from torch import nn

gen = torch.Generator().manual_seed(1972)
PATIENTS = 320
covariates = torch.randn(PATIENTS, 8, generator=gen)
hazard = (covariates[:, 0] - 0.8 * covariates[:, 1] + 0.5 * covariates[:, 2] ** 2).exp()
life = torch.empty(PATIENTS).exponential_(generator=gen) / hazard
censor = 1.5 * torch.rand(PATIENTS, generator=gen)
time, event = torch.minimum(life, censor), life <= censor

held_out = torch.zeros(PATIENTS, dtype=torch.bool)
held_out[torch.randperm(PATIENTS, generator=gen)[:80]] = True


def cohort(index):
    return {"x": covariates[index], "time": time[index], "event": event[index]}


training = (~held_out).nonzero().squeeze(1)
# BUG drawn-again: train-val-leak
#: training = torch.randperm(PATIENTS, generator=gen)[80:]
train_batches = [cohort(part) for part in training.split(48) if len(part) == 48]
val_batches = [cohort(held_out)]
batch = train_batches[0]


class Risk(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 32), nn.SELU(), nn.Linear(32, 16), nn.SELU())
        self.score = nn.Linear(16, 1, bias=False)

    def forward(self, x):
        return self.score(self.body(x)).squeeze(1)


def make_model():
    return Risk()


def make_optimizer(model):
    return torch.optim.RMSprop(model.parameters(), lr=2e-3)


def loss_fn(model, batch):
    order = batch["time"].argsort(descending=True)
    risk, event = model(batch["x"])[order], batch["event"][order]
    log_total = risk.logcumsumexp(0)
    return (log_total - risk)[event].mean()


@torch.no_grad()
def evaluate(model, batches):
    """Harrell's concordance."""
    good = pairs = 0
    for b in batches:
        risk = model(b["x"])
        earlier = (b["time"][:, None] < b["time"][None]) & b["event"][:, None]
        good += ((risk[:, None] > risk[None]) & earlier).sum().item()
        pairs += earlier.sum().item()
    return good / pairs
