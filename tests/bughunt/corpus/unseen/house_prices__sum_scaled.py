"""House prices from a table: MLP with a categorical embedding, prices in ten thousands."""

import torch
from torch import nn

ROWS = 64


class PriceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.district = nn.Embedding(6, 4)
        self.hidden = nn.Sequential(nn.Linear(9, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU())
        self.price = nn.Linear(16, 1)

    def forward(self, numbers, district):
        h = self.hidden(torch.cat([numbers, self.district(district)], dim=1))
        return self.price(h)


def table(n=ROWS):
    g = torch.Generator().manual_seed(5)
    numbers = torch.randn(n, 5, generator=g)
    district = torch.randint(0, 6, (n,), generator=g)
    price = 28 + 3 * numbers[:, 0] - 2 * numbers[:, 1] * numbers[:, 2] + district
    return numbers, district, price + 0.2 * torch.randn(n, generator=g)


numbers, district, price = table()


def rows(index):
    return {"numbers": numbers[index], "district": district[index], "price": price[index]}


order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(1))
batch = rows(order[:16])
train_batches = [rows(order[k : k + 16]) for k in (0, 16, 32)]
val_batches = [rows(order[48:])]


def make_model():
    return PriceNet()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.02)


def loss_fn(model, b):
    guess = model(b["numbers"], b["district"]).squeeze(-1)
    return nn.functional.mse_loss(guess, b["price"], reduction="sum") / len(guess)


def evaluate(model, batches):
    errors = []
    with torch.no_grad():
        for b in batches:
            guess = model(b["numbers"], b["district"])
            errors.append((guess.squeeze(1) - b["price"]).square().mean().item())
    return -sum(errors) / len(errors)
