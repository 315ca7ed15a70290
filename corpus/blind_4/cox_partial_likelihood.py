"""Cox partial likelihood with censoring: the loss compares examples of a batch; an output bias would cancel."""

import torch
from torch import nn

g = torch.Generator().manual_seed(35)
w = torch.tensor([1.0, -1.0, 0.5, 0.0])


def draw(n=64):
    x = torch.randn(n, 4, generator=g)
    time = -torch.log(torch.rand(n, generator=g)) / torch.exp(x @ w)
    limit = 3 * torch.rand(n, generator=g)
    return {"x": x, "time": torch.minimum(time, limit), "event": time <= limit}


batch = draw()
val_batches = [draw(), draw()]


def make_model():
    return nn.Sequential(
        nn.Linear(4, 16),
        nn.SELU(),
        nn.AlphaDropout(0.05),
        nn.Linear(16, 1, bias=False),
        nn.Flatten(0),
    )


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-2)


def loss_fn(model, batch):
    order = batch["time"].argsort(descending=True)
    risk = model(batch["x"])[order]
    event = batch["event"][order]
    at_risk = torch.logcumsumexp(risk, 0)  # everyone who lives at least as long
    return -(risk - at_risk)[event].sum() / event.sum()


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    """Concordance index."""
    was = model.training
    model.eval()
    good = pairs = 0
    for b in batches:
        r, t, e = model(b["x"]), b["time"], b["event"]
        valid = (t[:, None] < t[None, :]) & e[:, None]
        good += ((r[:, None] > r[None, :]) & valid).sum().item()
        pairs += valid.sum().item()
    model.train(was)
    return good / pairs
