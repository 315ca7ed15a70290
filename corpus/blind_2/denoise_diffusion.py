"""Noise prediction (DDPM) on small images; a convolution net with time embedding."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

STEPS = 20
alpha_bar = torch.cumprod(1 - torch.linspace(1e-3, 0.3, STEPS), 0)


class Denoiser(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.time = nn.Embedding(STEPS, width)
        self.enter = nn.Conv2d(1, width, 3, padding=1)
        self.norm = nn.GroupNorm(4, width)
        self.middle = nn.Conv2d(width, width, 3, padding=1)
        self.leave = nn.Conv2d(width, 1, 3, padding=1)
        # FINE zero-head 0: the last convolution starts at zero
        #: nn.init.zeros_(self.leave.weight)
        #: nn.init.zeros_(self.leave.bias)

    def forward(self, x, t):
        h = self.enter(x)
        h = h + self.time(t)[:, :, None, None]
        # BUG time-ignored: unused-module
        #: when = self.time(t)[:, :, None, None]  #!
        h = h + F.silu(self.middle(F.silu(self.norm(h))))
        return self.leave(h)


def stripes(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    phase = 6.28 * torch.rand(n, 1, 1, 1, generator=g)
    wave = torch.arange(8).float().view(1, 1, 1, 8)
    return (
        torch.sin(wave * (0.5 + torch.rand(n, 1, 1, 1, generator=g)) + phase)
        .expand(n, 1, 8, 8)
        .contiguous()
    )


batch = stripes(0)
train_batches = [stripes(0), stripes(1)]
val_batches = [stripes(60)]


def make_model():
    return Denoiser()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=4e-3)


def corrupt(x, t, noise):
    a = alpha_bar[t].view(-1, 1, 1, 1)
    return a.sqrt() * x + (1 - a).sqrt() * noise


def loss_fn(model, x):
    t = torch.randint(0, STEPS, (len(x),))
    noise = torch.randn_like(x)
    # BUG system-noise: nondeterministic
    #: noise = torch.from_numpy(np.random.default_rng().standard_normal(x.shape)).float()
    # BUG fixed-noise 2: rng-reset
    #: torch.manual_seed(42)  #!
    #: t = torch.randint(0, STEPS, (len(x),))
    #: noise = torch.randn_like(x)
    # BUG overwritten 0: inplace-data-mutation
    #: x.mul_(0.98)
    return F.mse_loss(model(corrupt(x, t, noise), t), noise)
    # BUG away: wrong-loss-sign
    #: return -F.mse_loss(model(corrupt(x, t, noise), t), noise)
    # FINE huber: a robust loss
    #: return F.smooth_l1_loss(model(corrupt(x, t, noise), t), noise, beta=0.5)


def train_step(model, optimizer, x):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, x)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    # BUG clip-last 2: clip-misorder
    #: optimizer.step()
    #: torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  #!
    return float(loss.detach())


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    total = 0.0
    for x in batches:
        t = torch.full((len(x),), STEPS // 2)
        noise = torch.linspace(-1, 1, x.numel()).view_as(x)
        total -= F.mse_loss(model(corrupt(x, t, noise), t), noise).item()
    # BUG rounds 0: eval-mutates-model
    #: for p in model.parameters():
    #:     p.copy_(p.half().float())  #!
    return total / len(batches)
