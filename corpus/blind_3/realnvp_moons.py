"""A normalising flow of affine couplings on two moons, with gradients taken by hand."""

import math

import torch
from torch import nn


def moons(n, seed):
    g = torch.Generator().manual_seed(seed)
    upper = torch.randint(2, (n, 1), generator=g).float()
    a = math.pi * torch.rand(n, 1, generator=g)
    x = torch.cat([a.cos() + upper, (1 - 2 * upper) * a.sin() + 0.5 * upper], dim=1)
    return 3.0 * x + 0.1 * torch.randn(n, 2, generator=g)


class Coupling(nn.Module):
    def __init__(self, flip, hidden=24):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(
            nn.Linear(1, hidden),
            nn.Tanh(),
            nn.Linear(hidden, hidden),
            nn.Tanh(),
            nn.Linear(hidden, 2),
        )

    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        if self.flip:
            a, b = b, a
        log_s, t = self.net(a).chunk(2, dim=1)
        log_s = 2 * torch.tanh(log_s)
        b = (b - t) * torch.exp(-log_s)
        out = torch.cat([b, a] if self.flip else [a, b], dim=1)
        return out, -log_s[:, 0]
        # BUG nojac: detached-graph
        #: return out, -log_s[:, 0].detach()
        # BUG jacsign: wrong-loss-sign
        #: return out, log_s[:, 0]


class Flow(nn.Module):
    def __init__(self, depth=4):
        super().__init__()
        self.steps = nn.ModuleList([Coupling(flip=bool(i % 2)) for i in range(depth)])

    def forward(self, x):
        logdet = torch.zeros(len(x))
        for step in self.steps:
            x, change = step(x)
            logdet = logdet + change
        return x, logdet


def loss_fn(model, x):
    z, logdet = model(x)
    # FINE jitter: the data are blurred a little, anew at every step
    #: z, logdet = model(x + 0.02 * torch.randn_like(x))
    log_base = -0.5 * z.square().sum(1) - math.log(2 * math.pi)
    return -(log_base + logdet).mean()


def make_model():
    return Flow()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def train_step(model, optimizer, x):
    loss = loss_fn(model, x)
    grads = torch.autograd.grad(loss, list(model.parameters()))
    for p, grad in zip(model.parameters(), grads):
        p.grad = grad
        # BUG addup: missing-zero-grad
        #: p.grad = grad if p.grad is None else p.grad + grad
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    # BUG tinyclip: no-single-batch-overfit, bad-learning-rate, lost-update
    #: nn.utils.clip_grad_norm_(model.parameters(), 1e-7)
    optimizer.step()
    # BUG rebind: no-single-batch-overfit, lost-update
    #: for p in model.parameters():
    #:     p = p - 0.02 * p.grad
    return loss.item()


def evaluate(model, batches):
    with torch.no_grad():
        return sum(loss_fn(model, x).item() for x in batches) / len(batches)


batch = moons(64, 0)
val_batches = [moons(64, 15), moons(64, 16)]
