"""Each training step also measures the accuracy on its batch in evaluation mode, after the update."""

import torch
from torch import nn

g = torch.Generator().manual_seed(52)
projection = torch.randn(12, 4, generator=g)


def draw(n=32):
    x = torch.randn(n, 12, generator=g)
    y = (x @ projection + 0.3 * torch.randn(n, 4, generator=g)).argmax(1)
    return {"features": x, "label": y}


train_batches = [draw() for _ in range(6)]
val_batches = [draw(64) for _ in range(2)]
batch = train_batches[0]


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.BatchNorm1d(12), nn.Linear(12, 64), nn.ReLU(), nn.Dropout(0.25), nn.Linear(64, 4)
        )

    def forward(self, x):
        return self.net(x)


def make_model():
    return Classifier()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=8e-3)


def loss_fn(model, batch):
    return nn.functional.cross_entropy(model(batch["features"]), batch["label"])


def accuracy(model, batch):
    with torch.no_grad():
        return (model(batch["features"]).argmax(1) == batch["label"]).float().mean().item()


def train_step(model, optimizer, batch):
    model.train()
    # BUG once: missing-train-mode
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    model.eval()
    acc = accuracy(model, batch)
    return {"loss": loss.item(), "accuracy": acc}


def evaluate(model, batches):
    model.eval()
    return sum(accuracy(model, b) for b in batches) / len(batches)
