"""Survival times with a small network and Cox's partial likelihood (DeepSurv)."""

import torch
import torch.nn as nn


class DeepSurv(nn.Module):
    def __init__(self, in_features=6, hidden=(24, 24), dropout=0.1):
        super().__init__()
        dims = [in_features, *hidden]
        layers = []
        for a, b in zip(dims, dims[1:]):
            layers.append(nn.Linear(a, b))
            layers.append(nn.SELU())
            layers.append(nn.AlphaDropout(dropout))
        self.net = nn.Sequential(*layers)
        # the baseline hazard takes up any constant, so no bias is needed
        self.risk = nn.Linear(dims[-1], 1, bias=False)

    def forward(self, x):
        return self.risk(self.net(x)).squeeze(-1)
        # BUG one-class: constant-output, wrong-softmax-dim, no-single-batch-overfit
        #: return torch.softmax(self.risk(self.net(x)), dim=-1).squeeze(-1)


def patients(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 6, generator=g)
    log_hazard = 1.5 * x[:, 0] - x[:, 1] + 0.8 * x[:, 2] * x[:, 3]
    time = -torch.rand(n, generator=g).clamp(min=1e-4).log() / log_hazard.exp()
    censored = 3 * torch.rand(n, generator=g) + 0.3
    return x, torch.minimum(time, censored), (time <= censored).float()


batch = patients(48, 0)
train_batches = [patients(48, s) for s in range(2)]
val_batches = [patients(48, 50)]


def make_model():
    return DeepSurv()


def cox_loss(risk, time, event):
    order = torch.argsort(time, descending=True)
    risk, event = risk[order], event[order]
    log_cum = torch.logcumsumexp(risk, dim=0)
    return -((risk - log_cum) * event).sum() / event.sum()
    # BUG sign: wrong-loss-sign
    #: return ((risk - log_cum) * event).sum() / event.sum()


def loss_fn(model, batch):
    x, time, event = batch
    return cox_loss(model(x), time, event)


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


STATS = {"loss": 0.0, "steps": 0}


def train_step(model, optimizer, batch):
    model.train()
    # BUG no-train: missing-train-mode
    optimizer.zero_grad()
    # BUG every-ten: missing-zero-grad
    #: if STATS["steps"] % 10 == 0:
    #:     optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    STATS["loss"] = STATS["loss"] + loss.item()
    # BUG running: graph-growth
    #: STATS["loss"] = STATS["loss"] + loss
    # FINE detached-sum: the sum of detached losses
    #: STATS["loss"] = STATS["loss"] + loss.detach()
    STATS["steps"] += 1


def evaluate(model, batches):
    """Concordance."""
    model.eval()
    # BUG in-train: missing-eval-mode
    good = pairs = 0
    with torch.no_grad():
        for x, time, event in batches:
            risk = model(x)
            first = (time[:, None] < time[None]) & (event[:, None] == 1)
            good += (first & (risk[:, None] > risk[None])).sum().item()
            pairs += first.sum().item()
    return good / pairs
