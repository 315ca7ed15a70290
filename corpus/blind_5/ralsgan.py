"""Relativistic average least-squares GAN in one dimension, with alternating turns and an averaged generator."""

import copy

import torch
from torch import nn

source = torch.Generator().manual_seed(99)


def sample(n=128):
    side = torch.randint(0, 2, (n, 1), generator=source) * 2.0 - 1
    return side * 1.5 + 0.25 * torch.randn(n, 1, generator=source)


batch = {"x": sample()}
train_batches = [batch, {"x": sample()}, {"x": sample()}]
val_batches = [{"x": sample(256)}]


class Game(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.g = nn.Sequential(
            nn.Linear(3, h), nn.Tanh(), nn.Linear(h, h), nn.Tanh(), nn.Linear(h, 1)
        )
        self.d = nn.Sequential(
            nn.Linear(1, h), nn.LeakyReLU(0.1), nn.Linear(h, h), nn.LeakyReLU(0.1), nn.Linear(h, 1)
        )
        self.slow = copy.deepcopy(self.g).requires_grad_(False)

    def scores(self, x, detach):
        fake = self.g(torch.randn(len(x), 3))
        return self.d(x), self.d(fake.detach() if detach else fake)

    @torch.no_grad()
    def follow(self, keep=0.95):
        for s, p in zip(self.slow.parameters(), self.g.parameters()):
            s.mul_(keep).add_(p, alpha=1 - keep)


def relativistic(first, second):
    return (first - second.mean() - 1).square().mean() + (second - first.mean() + 1).square().mean()


def loss_fn(model, batch):
    real, fake = model.scores(batch["x"], detach=True)
    return relativistic(real, fake)


def make_model():
    return Game()


def make_optimizer(model):
    opt = torch.optim.RMSprop(model.d.parameters(), lr=1e-3)
    opt.generator = torch.optim.RMSprop(model.g.parameters(), lr=1e-3)
    return opt


def train_step(model, opt, batch):
    loss = loss_fn(model, batch)
    opt.zero_grad()
    loss.backward()
    opt.step()
    real, fake = model.scores(batch["x"], detach=False)
    opt.generator.zero_grad()
    relativistic(fake, real).backward()
    opt.generator.step()
    model.follow()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    x = torch.cat([b["x"] for b in batches])
    z = torch.randn(len(x), 3, generator=torch.Generator().manual_seed(0))
    return (x.sort(0).values - model.slow(z).sort(0).values).abs().mean().item()  # 1-D Wasserstein
