"""Fitting two decay curves at once with L-BFGS; the closure does the whole evaluation."""

import torch
from torch import nn

TIMES = torch.linspace(0, 3, 16)


def curves(n, seed):
    g = torch.Generator().manual_seed(seed)
    rate = 0.5 + 2 * torch.rand(n, 1, generator=g)
    size = 1 + torch.rand(n, 1, generator=g)
    shape = size * torch.exp(-rate * TIMES) + 0.02 * torch.randn(n, 16, generator=g)
    return {"shape": shape, "targets": {"rate": rate[:, 0], "size": size[:, 0]}}


class TwoHeads(nn.Module):
    def __init__(self, hidden=12):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(16, hidden), nn.Tanh())
        self.rate = nn.Linear(hidden, 1)
        self.size = nn.Linear(hidden, 1)

    def forward(self, shape):
        h = self.trunk(shape)
        return {"rate": self.rate(h)[:, 0], "size": self.size(h)[:, 0]}
        # BUG keepdim: broadcast-loss
        #: return {"rate": self.rate(h), "size": self.size(h)[:, 0]}


def loss_fn(model, batch):
    out = model(batch["shape"])
    losses = [(out[k] - batch["targets"][k]).pow(2).mean() for k in out]  # ALSO keepdim
    # BUG roots: nan-gradient
    #: losses = [(out[k] - batch["targets"][k]).pow(2).sub(0.05).clamp(min=0).sqrt().mean() for k in out]
    return sum(losses)


def make_model():
    return TwoHeads()


def make_optimizer(model):
    return torch.optim.LBFGS(model.parameters(), lr=0.3, max_iter=4, history_size=6)


def train_step(model, optimizer, batch):
    def closure():
        optimizer.zero_grad()
        # FINE byhand: the closure drops the gradients itself
        #: for p in model.parameters():
        #:     p.grad = None
        # BUG closure: missing-zero-grad
        #: optimizer.zero_grad
        loss = loss_fn(model, batch)
        loss.backward()
        return loss

    return optimizer.step(closure).item()
    # BUG running: graph-growth
    #: optimizer.step(closure)
    #: model.running = 0.9 * getattr(model, "running", 0.0) + 0.1 * loss_fn(model, batch) #!
    #: return model.running.item()


def evaluate(model, batches):
    with torch.no_grad():
        return sum(loss_fn(model, b).item() for b in batches) / len(batches)


batch = curves(24, 0)
val_batches = [curves(24, 95), curves(24, 96)]
