"""Non-saturating GAN with an R1 penalty on a ring of eight blobs; each player has an optimizer of its own."""

import math

import torch
import torch.nn.functional as F
from torch import nn

LATENT = 4
g = torch.Generator().manual_seed(808)


def ring(n=64):
    k = torch.randint(0, 8, (n,), generator=g) * (2 * math.pi / 8)
    return torch.stack([k.cos(), k.sin()], 1) * 2 + 0.1 * torch.randn(n, 2, generator=g)


train_batches = [ring() for _ in range(6)]
val_batches = [ring(128)]
batch = train_batches[0]


def mlp(i, o, h=48):
    return nn.Sequential(
        nn.Linear(i, h), nn.LeakyReLU(0.2), nn.Linear(h, h), nn.LeakyReLU(0.2), nn.Linear(h, o)
    )


class Players(nn.Module):
    def __init__(self):
        super().__init__()
        self.gen = mlp(LATENT, 2)
        self.disc = mlp(2, 1)

    def judge(self, x):
        return self.disc(x)
        # BUG prob: sigmoid-into-bce-with-logits
        #: return torch.sigmoid(self.disc(x))

    def forward(self, n):
        return self.gen(torch.randn(n, LATENT))


def d_loss(m, real):
    real = real.clone().requires_grad_()
    out_r, out_f = m.judge(real), m.judge(m(len(real)).detach())
    loss = F.binary_cross_entropy_with_logits(
        out_r, torch.ones_like(out_r)
    ) + F.binary_cross_entropy_with_logits(out_f, torch.zeros_like(out_f))
    (slope,) = torch.autograd.grad(out_r.sum(), real, create_graph=True)
    return loss + 0.1 * slope.square().sum(1).mean()


def g_loss(m, n):
    out = m.judge(m(n))
    return F.binary_cross_entropy_with_logits(out, torch.ones_like(out))
    # FINE softplus: the same loss, written by hand
    #: return F.softplus(-out).mean()


def loss_fn(model, batch):
    return d_loss(model, batch) + g_loss(model, len(batch))


def make_model():
    return Players()


def make_optimizer(model):
    opt = torch.optim.Adam(model.gen.parameters(), lr=2e-3, betas=(0.0, 0.99))
    opt.disc = torch.optim.Adam(model.disc.parameters(), lr=2e-3, betas=(0.0, 0.99))
    return opt


def train_step(model, opt, batch):
    opt.disc.zero_grad()
    # BUG gathers: missing-zero-grad
    d = d_loss(model, batch)
    d.backward()
    opt.disc.step()

    opt.zero_grad()
    gl = g_loss(model, len(batch))
    gl.backward()
    opt.step()
    return (d + gl).item()


@torch.no_grad()
def evaluate(model, batches):
    """How far the mean distance to the centre is from the data's."""
    real = torch.cat(batches)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        fake = model(len(real))
    return (real.norm(dim=1).mean() - fake.norm(dim=1).mean()).abs().item()
