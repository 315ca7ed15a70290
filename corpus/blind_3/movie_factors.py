"""Matrix factorisation of star ratings with biases, an optimizer for each kind of table."""

import torch
from torch import nn

USERS, ITEMS = 28, 28


def ratings(n, seed):
    g = torch.Generator().manual_seed(1000)
    taste, genre = torch.randn(USERS, 2, generator=g), torch.randn(ITEMS, 2, generator=g)
    kind, quality = 0.3 * torch.randn(USERS, generator=g), 0.3 * torch.randn(ITEMS, generator=g)
    g.manual_seed(seed)
    u, i = torch.randint(USERS, (n,), generator=g), torch.randint(ITEMS, (n,), generator=g)
    stars = 3.8 + kind[u] + quality[i] + 0.4 * (taste[u] * genre[i]).sum(1)
    return {"pair": torch.stack([u, i], dim=1), "stars": stars + 0.05 * torch.randn(n, generator=g)}


class Factors(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        self.user, self.item = nn.Embedding(USERS, dim), nn.Embedding(ITEMS, dim)
        self.user_bias, self.item_bias = nn.Embedding(USERS, 1), nn.Embedding(ITEMS, 1)
        self.mean = nn.Parameter(torch.zeros(()))
        # BUG meanless: missing-output-bias
        #: self.mean = 0.0
        for table in (self.user, self.item):
            nn.init.normal_(table.weight, std=0.3)
        for table in (self.user_bias, self.item_bias):
            nn.init.zeros_(table.weight)
        # BUG allzero 0: vanishing-gradient, symmetric-init, frozen-parameter, no-single-batch-overfit
        #: for table in (self.user, self.item):
        #:     nn.init.zeros_(table.weight)
        self.drop = nn.Dropout(0.1)

    def forward(self, pair):
        u, i = pair.unbind(1)
        # BUG unbindview: view-instead-of-permute
        #: u, i = pair.view(2, -1)
        # FINE transposed: the two columns as rows
        #: u, i = pair.t()
        match = (self.drop(self.user(u)) * self.item(i)).sum(-1)
        bias = self.user_bias(u) + self.item_bias(i)
        return match + bias[:, 0] + self.mean


def loss_fn(model, batch):
    error = model(batch["pair"]) - batch["stars"]
    return error.square().mean()


def make_model():
    return Factors()


def make_optimizer(model):
    biases = [model.user_bias.weight, model.item_bias.weight, model.mean]
    biases = [p for p in biases if isinstance(p, nn.Parameter)]
    tables = torch.optim.Adam([model.user.weight, model.item.weight], lr=2e-2)
    # BUG itemless: optimizer-misses-parameters
    #: tables = torch.optim.Adam([model.user.weight], lr=2e-2)
    return [tables, torch.optim.Adam(biases, lr=5e-2)]


def train_step(model, optimizer, batch):
    for opt in optimizer:
        opt.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    for opt in optimizer:
        opt.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        mse = torch.stack([loss_fn(model, b) for b in batches]).mean()
    model.train()
    # BUG nomode: missing-train-mode
    return mse.sqrt().item()


batch = ratings(60, 0)
val_batches = [ratings(60, 91), ratings(60, 92)]
