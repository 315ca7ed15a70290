"""Denoising diffusion of scalars with an EMA copy used for validation."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

STEPS = 20
betas = torch.linspace(1e-3, 0.25, STEPS)
alpha_bar = torch.cumprod(1 - betas, 0)


def samples(n, seed):
    g = torch.Generator().manual_seed(seed)
    side = torch.randint(2, (n,), generator=g)
    return {"x0": 3.0 * side - 1.0 + 0.2 * torch.randn(n, generator=g), "side": side}


class Denoiser(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(8, hidden), nn.SiLU())
        self.cond = nn.Embedding(2, hidden)
        self.inp = nn.Linear(1, hidden)
        self.mid = nn.Linear(hidden, hidden, bias=False)
        # BUG midbias: bias-before-batchnorm
        #: self.mid = nn.Linear(hidden, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.out = nn.Linear(hidden, 1)
        # FINE zeroout: the last layer starts at zero
        #: self.out = nn.Linear(hidden, 1)
        #: nn.init.zeros_(self.out.weight)
        #: nn.init.zeros_(self.out.bias)

    def forward(self, x, t, side):
        rate = torch.exp(-math.log(100.0) * torch.arange(4) / 3)
        angle = t[:, None] * rate
        emb = self.time(torch.cat([angle.sin(), angle.cos()], dim=-1))
        # BUG timeitem: detached-graph
        #: emb = torch.tensor(
        #:     self.time(torch.cat([angle.sin(), angle.cos()], dim=-1)).tolist() #!
        #: )
        h = F.silu(self.inp(x[:, None])) + emb + self.cond(side)
        h = h + F.silu(self.norm(self.mid(h)))
        return self.out(h).squeeze(-1)
        # BUG column: broadcast-loss
        #: return self.out(h)


class Diffusion(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Denoiser()
        self.ema = copy.deepcopy(self.net).requires_grad_(False)

    def update_average(self, decay=0.9):
        with torch.no_grad():
            for mine, live in zip(self.ema.parameters(), self.net.parameters()):
                mine.lerp_(live, 1 - decay)
            for mine, live in zip(self.ema.buffers(), self.net.buffers()):
                mine.copy_(live)


def denoising_loss(net, batch):
    x0, side = batch["x0"], batch["side"]
    t = torch.randint(STEPS, x0.shape)
    # BUG seeded 0: rng-reset
    #: torch.manual_seed(1234)
    noise = torch.randn_like(x0)
    noisy = alpha_bar[t].sqrt() * x0 + (1 - alpha_bar[t]).sqrt() * noise
    return F.mse_loss(net(noisy, t.float(), side), noise)  # ALSO column


def loss_fn(model, batch):
    return denoising_loss(model.net, batch)


def make_model():
    return Diffusion()


def make_optimizer(model):
    return torch.optim.Adam(model.net.parameters(), lr=5e-3)
    # BUG emaopt: optimizer-misses-parameters, no-single-batch-overfit
    #: return torch.optim.Adam(model.ema.parameters(), lr=5e-3)


def train_step(model, optimizer, batch):
    model.net.train()
    # BUG emamode: missing-train-mode
    #: model.ema.train()
    optimizer.zero_grad()
    # FINE byhand: gradients dropped one by one
    #: for p in model.net.parameters():
    #:     p.grad = None
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    model.update_average()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    rng = torch.random.get_rng_state()
    torch.manual_seed(0)
    with torch.no_grad():
        total = sum(denoising_loss(model.ema, b).item() for b in batches)
    torch.random.set_rng_state(rng)
    return total / len(batches)


batch = samples(64, 0)
val_batches = [samples(64, 21), samples(64, 22)]
