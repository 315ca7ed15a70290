"""A multi-layer perceptron with batch normalisation, on batches of a shuffling DataLoader."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SIZE = 512
CLASSES = 3


class Perceptron(nn.Module):
    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.first = nn.Linear(10, width)
        self.norm = nn.BatchNorm1d(width, momentum=0.1)
        self.drop = nn.Dropout(0.1)
        self.last = nn.Linear(width, CLASSES)

    def forward(self, x):
        hidden = self.norm(self.first(x))
        hidden = torch.relu(hidden)
        return self.last(self.drop(hidden))


def make_data():
    generator = torch.Generator().manual_seed(11)
    x = torch.randn(SIZE, 10, generator=generator)
    y = (x[:, :CLASSES] + x[:, 3:6] * x[:, 6:9]).argmax(dim=1)
    return TensorDataset(x[:384], y[:384]), TensorDataset(x[384:], y[384:])


def standardise(x):
    return (x - 0.05) / 1.1


def make_model():
    model = Perceptron()
    nn.init.zeros_(model.last.bias)
    nn.init.normal_(model.last.weight, std=0.05)
    return model


def make_optimizer(model):
    return torch.optim.AdamW(
        model.parameters(),
        lr=3e-3,
        weight_decay=1e-2,
    )


def make_loader(train):
    return DataLoader(train, batch_size=32, shuffle=True)


def loss_of(model, x, y):
    logits = model(standardise(x))
    return nn.functional.cross_entropy(logits, y)


def fit(model, train, epochs):
    optimizer = make_optimizer(model)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.5)
    for _ in range(epochs):
        for x, y in make_loader(train):
            optimizer.zero_grad()
            loss = loss_of(model, x, y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        schedule.step()


@torch.no_grad()
def evaluate(model, test):
    model.eval()
    x, y = test.tensors
    logits = model(standardise(x))
    return (logits.argmax(dim=1) == y).float().mean().item()


def run(mlregress):
    train, test = make_data()
    model = make_model()
    fit(model, train, epochs=12)
    mlregress.record("accuracy", evaluate(model, test), higher_is_better=True)
