"""Hinge GAN, alternating optimizers; the generator only steps on every third call, with spectral norm in D."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

g = torch.Generator().manual_seed(31)
mix = torch.randn(3, 6, generator=g)


def draw(n):
    return torch.tanh(torch.randn(n, 3, generator=g) @ mix) + 0.02 * torch.randn(n, 6, generator=g)


batch = draw(32)
val_batches = [draw(32)]


class GAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 6), nn.Tanh())
        self.critic = nn.Sequential(
            spectral_norm(nn.Linear(6, 32)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Linear(32, 32)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Linear(32, 1)),
        )
        self.calls = 0

    def forward(self, z):
        return self.generator(z)


def make_model():
    return GAN()


def make_optimizer(model):
    return [
        torch.optim.Adam(model.critic.parameters(), lr=4e-3, betas=(0.5, 0.999)),
        torch.optim.Adam(model.generator.parameters(), lr=1e-3, betas=(0.5, 0.999)),
    ]


def loss_fn(model, batch):
    fake = model(torch.randn(len(batch), 8)).detach()
    return F.relu(1 - model.critic(batch)).mean() + F.relu(1 + model.critic(fake)).mean()


def train_step(model, optimizer, batch):
    model.train()
    opt_d, opt_g = optimizer
    model.calls += 1
    opt_d.zero_grad()
    d_loss = loss_fn(model, batch)
    d_loss.backward()
    opt_d.step()
    if model.calls % 3 == 0:
        opt_g.zero_grad()
        g_loss = -model.critic(model(torch.randn(len(batch), 8))).mean()
        g_loss.backward()  # also reaches the critic, whose gradients are zeroed before its next update
        opt_g.step()
    return d_loss.item()


@torch.no_grad()
def evaluate(model, batches):
    was = model.training
    model.eval()
    fake = model(torch.randn(200, 8))
    real = torch.cat(batches)
    gap = (torch.cov(fake.T) - torch.cov(real.T)).norm().item()
    model.train(was)
    return gap
