"""Explicit ratings: matrix factorisation with biases and a small tower on side features."""

import torch
from torch import nn

N_USERS, N_ITEMS, K = 20, 15, 6


class Recommender(nn.Module):
    def __init__(self, n_factors=K):
        super().__init__()
        self.user_factors = nn.Embedding(N_USERS, n_factors)
        self.item_factors = nn.Embedding(N_ITEMS, n_factors)
        self.user_bias = nn.Embedding(N_USERS, 1)
        self.item_bias = nn.Embedding(N_ITEMS, 1)
        self.side = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, n_factors))
        self.head = nn.Linear(n_factors, 1)
        # BUG headless-bias: missing-output-bias, unused-module
        #: self.head = nn.Linear(n_factors, 1, bias=False)
        for emb in (self.user_factors, self.item_factors):
            nn.init.normal_(emb.weight, std=0.3)
        # BUG frozen: frozen-parameter
        #: for emb in (self.user_factors, self.item_factors):
        #:     nn.init.normal_(emb.weight, std=0.3)
        #:     emb.weight.requires_grad = False  #!
        nn.init.zeros_(self.user_bias.weight)
        nn.init.zeros_(self.item_bias.weight)

    def forward(self, user, item, features):
        p = self.user_factors(user) + self.side(features)
        q = self.item_factors(item)
        score = self.head(p * q)
        return (score + self.user_bias(user) + self.item_bias(item)).squeeze(-1)
        # BUG headless-bias: missing-output-bias, unused-module
        #: return score.squeeze(-1)


def interactions(n, seed):
    g = torch.Generator().manual_seed(seed)
    truth = torch.Generator().manual_seed(77)
    a, b = torch.randn(N_USERS, 3, generator=truth), torch.randn(N_ITEMS, 3, generator=truth)
    user = torch.randint(0, N_USERS, (n,), generator=g)
    item = torch.randint(0, N_ITEMS, (n,), generator=g)
    features = torch.randn(n, 5, generator=g)
    rating = (
        7.5
        + 0.4 * (a[user] * b[item]).sum(1)
        + 0.3 * features[:, 0]
        + 0.1 * torch.randn(n, generator=g)
    )
    return {"user": user, "item": item, "features": features, "rating": rating}


batch = interactions(64, 0)
train_batches = [interactions(64, s) for s in range(3)]
val_batches = [interactions(64, 100)]


def make_model():
    return Recommender()


def loss_fn(model, batch):
    pred = model(batch["user"], batch["item"], batch["features"])
    return nn.functional.mse_loss(pred, batch["rating"])
    # FINE column-both: both as columns
    #: return ((pred.unsqueeze(1) - batch["rating"].unsqueeze(1)) ** 2).mean()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-2)


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    # BUG fresh-adam 2: optimizer-recreated
    #: optimizer = make_optimizer(model)  #!
    #: optimizer.zero_grad()
    #: loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    # BUG step-early 2: step-before-backward, no-single-batch-overfit
    #: optimizer.step()
    #: loss.backward()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    squares = n = 0
    for b in batches:
        pred = model(b["user"], b["item"], b["features"])
        squares += torch.sum((pred - b["rating"]) ** 2).item()
        n += len(pred)
    return (squares / n) ** 0.5
