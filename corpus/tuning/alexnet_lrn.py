"""A small AlexNet with local response norm and dropout in the classifier."""

import torch
from torch import nn
from torch.nn import functional as F


class AlexNet(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 12, 5, stride=2, padding=2),
            nn.ReLU(inplace=True),
            nn.LocalResponseNorm(3),
            nn.Conv2d(12, 16, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.AdaptiveMaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(64, 32), nn.ReLU(inplace=True), nn.Linear(32, classes)
        )

    def forward(self, x):
        return self.classifier(self.features(x).view(x.size(0), -1))


def images(seed, n=12):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 4, (n,), generator=g)
    x = 0.5 * torch.randn(n, 3, 10, 10, generator=g)
    x[torch.arange(n), y % 3] += 1 + (y == 3).float()[:, None, None]
    return x, y


batch = images(0)
train_batches = [images(s) for s in range(3)]
val_batches = [images(90), images(91)]


def make_model():
    return AlexNet()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    right = seen = 0
    with torch.no_grad():
        for x, y in batches:
            right += (model(x).argmax(1) == y).sum().item()
            seen += len(y)
    return right / seen
