"""ArcFace head: cosine logits without bias, additive angular margin on the true class during training only."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(25)
faces = torch.randn(8, 10, generator=g)


def draw(n=24):
    y = torch.randint(0, 8, (n,), generator=g)
    return faces[y] + 0.3 * torch.randn(n, 10, generator=g), y


batch = draw()
val_batches = [draw(), draw()]


class ArcNet(nn.Module):
    def __init__(self, scale=16.0, margin=0.3):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(10, 32, bias=False),
            nn.BatchNorm1d(32),
            nn.PReLU(),
            nn.Linear(32, 8, bias=False),
            nn.BatchNorm1d(8, affine=False),
        )
        self.weight = nn.Parameter(torch.randn(8, 8))
        self.scale, self.margin = scale, margin

    def forward(self, x, y=None):
        cos = F.normalize(self.body(x)) @ F.normalize(self.weight).T
        if y is not None:
            angle = torch.acos(cos.clamp(-1 + 1e-6, 1 - 1e-6))
            own = F.one_hot(y, cos.shape[1]).bool()
            cos = torch.where(own, torch.cos((angle + self.margin).clamp(max=torch.pi)), cos)
        return self.scale * cos


def make_model():
    return ArcNet()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True)


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x, y), y)


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    was = model.training
    model.eval()
    acc = sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches) / len(batches)
    model.train(was)
    return acc
