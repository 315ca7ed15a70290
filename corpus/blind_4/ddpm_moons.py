"""Denoising diffusion of points in the plane, with an EMA of the weights for sampling."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

T = 50


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.ff = nn.Linear(width, width)
        self.time = nn.Linear(width, width)
        self.drop = nn.Dropout(0.05)

    def forward(self, x, t_emb):
        h = F.silu(self.norm(x) + self.time(t_emb))
        return x + self.drop(self.ff(h))


class Denoiser(nn.Module):
    def __init__(self, width=32, layers=3):
        super().__init__()
        self.width = width
        self.ema = None
        self.inp = nn.Linear(2, width)
        self.blocks = nn.ModuleList([Block(width) for _ in range(layers)])
        self.out = nn.Linear(width, 2)
        betas = torch.linspace(1e-3, 0.15, T)
        self.register_buffer("alpha_bar", torch.cumprod(1 - betas, 0))

    def time_embedding(self, t):
        freqs = torch.exp(-math.log(1000.0) * torch.arange(self.width // 2) / (self.width // 2))
        args = t[:, None].float() * freqs[None]
        return torch.cat([args.sin(), args.cos()], dim=-1)

    def forward(self, x, t):
        emb = self.time_embedding(t)
        h = self.inp(x)
        for block in self.blocks:
            h = block(h, emb)
        return self.out(h)


def moons(n, seed):
    g = torch.Generator().manual_seed(seed)
    a = math.pi * torch.rand(n, generator=g)
    upper = torch.rand(n, generator=g) < 0.5
    x = torch.where(upper, a.cos(), 1 - a.cos())
    y = torch.where(upper, a.sin(), 0.5 - a.sin())
    return torch.stack([x, y], 1) + 0.05 * torch.randn(n, 2, generator=g)


batch = {"x0": moons(64, 0)}
train_batches = [batch, {"x0": moons(64, 4)}]
val_batches = [{"x0": moons(64, 1)}]


def make_model():
    return Denoiser()


def p_losses(model, x0, t):
    noise = torch.randn_like(x0)
    ab = model.alpha_bar[t].unsqueeze(1)
    x_t = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
    return F.mse_loss(model(x_t, t), noise)
    # BUG new-noise: no-single-batch-overfit
    #: return F.mse_loss(model(x_t, t), torch.randn_like(x0))


def loss_fn(model, batch):
    x0 = batch["x0"]
    t = torch.randint(0, T, (x0.size(0),))
    # BUG reseed: rng-reset
    #: g = torch.manual_seed(1234)  #!
    #: t = torch.randint(0, T, (x0.size(0),), generator=g)
    # FINE antithetic: antithetic time steps
    #: half = torch.randint(0, T, (x0.size(0) // 2,))
    #: t = torch.cat([half, T - 1 - half])
    return p_losses(model, x0, t)


class EMA:
    def __init__(self, model, decay=0.9):
        self.decay = decay
        self.shadow = {n: p.detach().clone() for n, p in model.named_parameters()}

    @torch.no_grad()
    def update(self, model):
        for n, p in model.named_parameters():
            self.shadow[n].lerp_(p, 1 - self.decay)


def make_optimizer(model):
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    model.ema = EMA(model)
    return optimizer


def train_step(model, optimizer, batch):
    model.train()
    # BUG ema-eval: missing-train-mode
    loss = loss_fn(model, batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    model.ema.update(model)
    return loss.detach()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    live = {n: p.detach().clone() for n, p in model.named_parameters()}
    if model.ema is not None:
        model.load_state_dict(model.ema.shadow, strict=False)
    losses = [p_losses(model, b["x0"], torch.arange(len(b["x0"])) % T).item() for b in batches]
    model.load_state_dict(live, strict=False)
    # BUG kept-ema: eval-mutates-model
    return sum(losses) / len(losses)
