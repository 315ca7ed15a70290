"""A GAN for points on a ring."""

import torch
import torch.nn as nn

LATENT = 4


class GAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(
            nn.Linear(LATENT, 32, bias=False), nn.BatchNorm1d(32), nn.LeakyReLU(0.2),
            nn.Linear(32, 32, bias=False), nn.BatchNorm1d(32), nn.LeakyReLU(0.2),
            nn.Linear(32, 2),
        )  # fmt: skip
        # BUG bn-bias: bias-before-batchnorm
        #: self.generator = nn.Sequential(
        #:     nn.Linear(LATENT, 32), nn.BatchNorm1d(32), nn.LeakyReLU(0.2),  #!
        #:     nn.Linear(32, 32), nn.BatchNorm1d(32), nn.LeakyReLU(0.2),  #!
        #:     nn.Linear(32, 2),
        #: )
        self.discriminator = nn.Sequential(
            nn.Linear(2, 32),
            nn.LeakyReLU(0.2),
            nn.Linear(32, 32),
            nn.LeakyReLU(0.2),
            nn.Linear(32, 1),
        )
        # BUG d-sigmoid: sigmoid-into-bce-with-logits
        #: self.discriminator = nn.Sequential(
        #:     nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2),
        #:     nn.Linear(32, 1), nn.Sigmoid(),  #!
        #: )

    def forward(self, noise):
        return self.generator(noise)


criterion = nn.BCEWithLogitsLoss()


def ring(n, seed):
    g = torch.Generator().manual_seed(seed)
    angle = torch.rand(n, generator=g) * 6.2832
    points = torch.stack([torch.cos(angle) + 2, torch.sin(angle) - 1], 1)
    real = points + 0.05 * torch.randn(n, 2, generator=g)
    return {"real": real, "noise": torch.randn(n, LATENT, generator=g)}


batch = ring(64, 0)
val_batches = [ring(64, 1), ring(64, 2)]


def make_model():
    return GAN()


def loss_fn(model, batch):
    """The generator's loss."""
    score = model.discriminator(model(batch["noise"]))
    return criterion(score, torch.ones_like(score))


def make_optimizer(model):
    opt_g = torch.optim.Adam(model.generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    opt_d = torch.optim.Adam(model.discriminator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    # BUG last-only: optimizer-misses-parameters
    #: opt_d = torch.optim.Adam(model.discriminator[-1].parameters(), lr=2e-3, betas=(0.5, 0.999))
    return {"g": opt_g, "d": opt_d}


def train_step(model, optimizer, batch):
    model.train()
    opt_g, opt_d = optimizer["g"], optimizer["d"]
    real, noise = batch["real"], batch["noise"]

    fake = model.generator(noise)
    opt_d.zero_grad()
    # BUG d-grads: missing-zero-grad
    d_real = model.discriminator(real)
    d_fake = model.discriminator(fake.detach())
    loss_d = criterion(d_real, torch.ones_like(d_real)) + criterion(
        d_fake, torch.zeros_like(d_fake)
    )
    loss_d.backward()
    opt_d.step()

    opt_g.zero_grad()
    # FINE all-zero: both players' gradients are cleared
    #: model.zero_grad(set_to_none=True)
    score = model.discriminator(fake)
    # BUG g-detached: detached-graph
    #: score = model.discriminator(fake.detach())
    loss_g = criterion(score, torch.ones_like(score))
    loss_g.backward()
    opt_g.step()
    return loss_d.item(), loss_g.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    gaps = [(model(b["noise"]).mean(0) - b["real"].mean(0)).norm().item() for b in batches]
    return sum(gaps) / len(gaps)
