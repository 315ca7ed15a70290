"""A GAN of two classes in one optimizer dictionary, on small blobs."""

import torch
from torch import nn

criterion = nn.BCEWithLogitsLoss()


class GAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.netG = nn.Sequential(
            nn.Linear(6, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 16)
        )
        # BUG g-bias: bias-before-batchnorm
        #: self.netG = nn.Sequential(
        #:     nn.Linear(6, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 16)  #!
        #: )
        self.netD = nn.Sequential(nn.Linear(16, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
        # BUG d-sigmoid: sigmoid-into-bce-with-logits
        #: self.netD = nn.Sequential(
        #:     nn.Linear(16, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Sigmoid()  #!
        #: )
        # FINE d-plain: each call has labels of one class, the step has as many of both
        #: self.netD = nn.Sequential(
        #:     nn.Linear(16, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1, bias=False)
        #: )

    def forward(self, z):
        return self.netG(z)


def make_batch(generator):
    centre = torch.randn(3, 16, generator=torch.Generator().manual_seed(8))
    which = torch.randint(0, 3, (16,), generator=generator)
    real = centre[which] + 0.2 * torch.randn(16, 16, generator=generator)
    return {"real": real, "noise": torch.randn(16, 6, generator=generator)}


def make_model():
    return GAN()


def make_optimizer(model):
    optD = torch.optim.Adam(model.netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optG = torch.optim.Adam(model.netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
    # BUG same-net: optimizer-misses-parameters
    #: optG = torch.optim.Adam(model.netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
    return [optD, optG]


def loss_fn(model, batch):
    score = model.netD(model(batch["noise"])).squeeze(1)
    return criterion(score, torch.ones_like(score))


def train_step(model, optimizers, batch):
    optD, optG = optimizers
    fake = model(batch["noise"])
    optD.zero_grad()
    # BUG d-keeps: missing-zero-grad
    real_score = model.netD(batch["real"])
    fake_score = model.netD(fake.detach())
    loss_d = criterion(real_score, torch.ones_like(real_score))
    loss_d = loss_d + criterion(fake_score, torch.zeros_like(fake_score))
    loss_d.backward()
    optD.step()
    optG.zero_grad()
    score = model.netD(fake)
    # BUG g-cut: detached-graph
    #: score = model.netD(fake.detach())
    loss_g = criterion(score, torch.ones_like(score))
    loss_g.backward()
    optG.step()
    return loss_g.item()
