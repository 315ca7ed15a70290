"""House prices from a table: MLP with a categorical embedding, prices in ten thousands."""

import torch
from torch import nn

ROWS = 64


class PriceNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.district = nn.Embedding(6, 4)
        self.hidden = nn.Sequential(nn.Linear(9, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU())
        # BUG wide-init 0: exploding-gradient
        #: for layer in (self.hidden[0], self.hidden[2]):
        #:     nn.init.normal_(layer.weight, std=50.0)  #!
        self.price = nn.Linear(16, 1)
        # BUG no-intercept: missing-output-bias
        #: self.price = nn.Linear(16, 1, bias=False)

    def forward(self, numbers, district):
        h = self.hidden(torch.cat([numbers, self.district(district)], dim=1))
        return self.price(h)
        # BUG bounded: no-single-batch-overfit
        #: return torch.tanh(self.price(h))
        # BUG one-softmax: constant-output
        #: return torch.softmax(self.price(h), dim=1)


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
# BUG overlapping: train-val-leak
#: val_batches = [rows(order[40:56])]
# BUG tail-of-table: train-val-leak
#: val_batches = [rows(slice(48, None))]


def make_model():
    return PriceNet()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.02)
    # BUG huge-rate: bad-learning-rate, exploding-gradient
    #: return torch.optim.SGD(model.parameters(), lr=5.0)
    # BUG tiny-rate: bad-learning-rate, lost-update
    #: return torch.optim.SGD(model.parameters(), lr=1e-10)


def loss_fn(model, b):
    guess = model(b["numbers"], b["district"]).squeeze(-1)
    # BUG keeps-column: broadcast-loss
    #: guess = model(b["numbers"], b["district"])  #!
    # BUG jitter-inplace 0: inplace-data-mutation
    #: b["numbers"] += 0.02 * torch.randn_like(b["numbers"])
    return nn.functional.mse_loss(guess, b["price"])  # ALSO keeps-column
    # FINE column-both: both sides are columns
    #: return nn.functional.mse_loss(guess.view(-1, 1), b["price"].view(-1, 1))
    # FINE sum-scaled: a sum with the scale taken off by hand
    #: return nn.functional.mse_loss(guess, b["price"], reduction="sum") / len(guess)


def evaluate(model, batches):
    errors = []
    with torch.no_grad():
        for b in batches:
            guess = model(b["numbers"], b["district"])
            errors.append((guess.squeeze(1) - b["price"]).square().mean().item())
            # BUG metric-column: broadcast-metric
            #: errors.append((guess - b["price"]).square().mean().item())
    return -sum(errors) / len(errors)
