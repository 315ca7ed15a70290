"""An ensemble of small nets on log prices, each member on its own bootstrap weights; spread is the uncertainty."""

import torch
from torch import nn

g = torch.Generator().manual_seed(1612)
coef = torch.randn(7, generator=g) * 0.3


def houses(n=32, members=4):
    x = torch.randn(n, 7, generator=g)
    log_price = 12.2 + x @ coef + 0.2 * x[:, 0] * x[:, 1] + 0.1 * torch.randn(n, generator=g)
    weight = torch.poisson(torch.ones(n, members), generator=g)
    return {"x": x, "log_price": log_price, "weight": weight}


train_batches = [houses() for _ in range(8)]
batch = train_batches[0]
val_batches = [houses(64)]


class Member(nn.Module):
    def __init__(self):
        super().__init__()
        # BUG seeded 0: shared-init, rng-reset
        #: torch.manual_seed(12)  # reproducible weights
        self.hidden = nn.Sequential(nn.Linear(7, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh())
        self.last = nn.Linear(24, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.constant_(self.last.bias, 12.0)
        # BUG through-zero 3: missing-output-bias
        #: self.last = nn.Linear(24, 1, bias=False)

    def forward(self, x):
        return self.last(self.hidden(x)).squeeze(-1)


class Ensemble(nn.Module):
    def __init__(self, members=4):
        super().__init__()
        self.members = nn.ModuleList([Member() for _ in range(members)])

    def forward(self, x):
        return torch.stack([m(x) for m in self.members], 1)


def make_model():
    return Ensemble()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    error = (model(batch["x"]) - batch["log_price"].unsqueeze(1)).square()
    return (batch["weight"] * error).sum() / batch["weight"].sum()


@torch.no_grad()
def evaluate(model, batches):
    errors = [(model(b["x"]).mean(1) - b["log_price"]).abs().mean().item() for b in batches]
    return sum(errors) / len(errors)
