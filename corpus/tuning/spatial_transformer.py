"""A spatial transformer whose localisation starts at the identity."""

import torch
from torch import nn
from torch.nn import functional as F


class STN(nn.Module):
    def __init__(self):
        super().__init__()
        self.locate = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 6))
        nn.init.zeros_(self.locate[-1].weight)
        self.locate[-1].bias.data.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 3))

    def forward(self, x):
        theta = self.locate(x).view(-1, 2, 3)
        grid = F.affine_grid(theta, x.size(), align_corners=False)
        return self.net(F.grid_sample(x, grid, align_corners=False))


def make_batch(generator):
    y = torch.randint(0, 3, (10,), generator=generator)
    x = 0.2 * torch.randn(10, 1, 8, 8, generator=generator)
    for i, k in enumerate(y.tolist()):
        x[i, 0, 2 * k : 2 * k + 3, 2:5] += 1
    return x, y


def make_model():
    return STN()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])
