"""Classification of point clouds by a permutation-invariant net."""

import torch
from torch import nn
from torch.nn import functional as F


class PointNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.local = nn.Sequential(nn.Linear(3, 24), nn.ReLU(), nn.Linear(24, 24))
        self.head = nn.Sequential(nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 4))

    def forward(self, cloud):
        pooled = self.local(cloud).amax(dim=1)
        # BUG over-batch: batch-leak
        #: features = self.local(cloud)
        #: pooled = features.mean(dim=1) - features.mean(dim=(0, 1))  #!
        return self.head(pooled)
        # BUG flat: constant-output, no-single-batch-overfit
        #: return self.head(F.softmax(pooled.sum(dim=1, keepdim=True), dim=1).expand(-1, 24))


def clouds(seed, n=12, points=9):
    g = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 4, (n,), generator=g)
    scale = torch.tensor([[1.0, 1, 1], [3, 1, 1], [1, 3, 1], [1, 1, 3]])[kind]
    return torch.randn(n, points, 3, generator=g) * scale[:, None], kind


batch = clouds(1)
train_batches = [clouds(1), clouds(2)]
val_batches = [clouds(80)]


def make_model():
    return PointNet()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    cloud, kind = batch
    return F.cross_entropy(model(cloud), kind)


def train_step(model, optimizer, batch):
    cloud, kind = batch
    order = torch.randperm(len(cloud))
    cloud, kind = cloud[order], kind[order]
    # BUG one-sided: shuffled-labels
    #: cloud = cloud[order]
    loss = loss_fn(model, (cloud, kind))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).argmax(-1) == y).float().mean().item() for x, y in batches) / len(batches)
