"""A GAN on points of a ring; hinge or saturating losses, two optimizers in a tuple."""

import math

import torch
from torch import nn
from torch.nn import functional as F


def mlp(sizes, last=None):
    layers = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        layers += [nn.Linear(a, b), nn.LeakyReLU(0.2)]
    layers.pop()
    return nn.Sequential(*layers, *([last] if last is not None else []))


class RingGAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = mlp([4, 32, 32, 2])
        self.discriminator = mlp([2, 32, 32, 1])
        # BUG critic-sigmoid: sigmoid-into-bce-with-logits
        #: self.discriminator = mlp([2, 32, 32, 1], last=nn.Sigmoid())  #!

    def forward(self, noise):
        return self.generator(noise)


def make_batch(generator):
    angle = 2 * math.pi * torch.rand(24, generator=generator)
    ring = torch.stack([angle.cos(), angle.sin()], 1)
    ring = ring + 0.05 * torch.randn(24, 2, generator=generator) + 2
    return {"real": ring, "noise": torch.randn(24, 4, generator=generator)}


def make_model():
    return RingGAN()


def make_optimizer(model):
    return (
        torch.optim.Adam(model.generator.parameters(), lr=2e-3, betas=(0.5, 0.99)),
        torch.optim.Adam(model.discriminator.parameters(), lr=2e-3, betas=(0.5, 0.99)),
    )


def fool(scores):
    return F.binary_cross_entropy_with_logits(
        scores, torch.ones_like(scores)
    )  # ALSO critic-sigmoid
    # FINE softplus: the same loss by hand
    #: return F.softplus(-scores).mean()


def loss_fn(model, batch):
    return fool(model.discriminator(model(batch["noise"])))


def discriminator_loss(model, batch):
    with torch.no_grad():
        fake = model(batch["noise"])
    real_scores = model.discriminator(batch["real"])
    fake_scores = model.discriminator(fake)
    a = F.binary_cross_entropy_with_logits(
        real_scores, torch.full_like(real_scores, 0.9)
    )  # ALSO critic-sigmoid
    b = F.binary_cross_entropy_with_logits(
        fake_scores, torch.zeros_like(fake_scores)
    )  # ALSO critic-sigmoid
    return a + b
    # FINE hinge: hinge loss of the critic
    #: return F.relu(1 - real_scores).mean() + F.relu(1 + fake_scores).mean()


def train_step(model, optimizers, batch):
    opt_g, opt_d = optimizers
    opt_d.zero_grad()
    # BUG generator-leaves: missing-zero-grad
    loss_d = discriminator_loss(model, batch)
    loss_d.backward()
    opt_d.step()

    opt_g.zero_grad()
    # BUG generator-stale: missing-zero-grad
    loss_g = loss_fn(model, batch)
    # BUG detached-fake: detached-graph
    #: fake = model(batch["noise"]).detach()  #!
    #: loss_g = fool(model.discriminator(fake))
    # FINE frozen-critic: the critic needs no gradient while the generator learns
    #: model.discriminator.requires_grad_(False)
    #: loss_g = loss_fn(model, batch)
    #: model.discriminator.requires_grad_(True)
    loss_g.backward()
    opt_g.step()
    # BUG same-stepped: optimizer-misses-parameters, frozen-parameter
    #: opt_d.step()
    return {"g": loss_g.item(), "d": loss_d.item()}
