"""VQ-VAE: straight-through estimator, codebook and commitment losses with stop-gradients on opposite sides."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(39)
atoms = torch.randn(6, 12, generator=g)


def draw(n=32):
    pick = torch.randint(0, 6, (n, 2), generator=g)
    return torch.cat([atoms[pick[:, 0]], atoms[pick[:, 1]]], 1) + 0.1 * torch.randn(
        n, 24, generator=g
    )


batch = draw()
val_batches = [draw(), draw()]


class VQVAE(nn.Module):
    def __init__(self, codes=16, d=8):
        super().__init__()
        self.enc = nn.Sequential(
            nn.Linear(12, 32),
            nn.ReLU(),
            nn.Linear(32, d),
            nn.LayerNorm(d, elementwise_affine=False),
        )
        self.dec = nn.Sequential(nn.Linear(d, 32), nn.ReLU(), nn.Linear(32, 12))
        self.book = nn.Parameter(torch.randn(codes, d))

    def forward(self, x):
        z = self.enc(x.view(len(x), 2, 12))
        index = torch.cdist(z.detach(), self.book.detach()).argmin(-1)
        q = self.book[index]
        out = self.dec(z + (q - z).detach())
        return out.flatten(1), z, q


def make_model():
    return VQVAE()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    out, z, q = model(batch)
    return F.mse_loss(out, batch) + F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())


@torch.no_grad()
def evaluate(model, batches):
    return sum(F.mse_loss(model(b)[0], b).item() for b in batches) / len(batches)
