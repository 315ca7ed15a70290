"""Matrix factorisation with user, item and global biases."""

import torch
from torch import nn


class Ratings(nn.Module):
    def __init__(self, users=12, items=15, rank=4):
        super().__init__()
        self.user, self.item = nn.Embedding(users, rank), nn.Embedding(items, rank)
        self.user_bias, self.item_bias = nn.Embedding(users, 1), nn.Embedding(items, 1)
        self.mean = nn.Parameter(torch.tensor(3.5))
        for table in (self.user, self.item):
            nn.init.normal_(table.weight, std=0.1)
        for table in (self.user_bias, self.item_bias):
            nn.init.zeros_(table.weight)

    def forward(self, user, item):
        dot = (self.user(user) * self.item(item)).sum(1)
        return self.mean + self.user_bias(user)[:, 0] + self.item_bias(item)[:, 0] + dot


def ratings(seed, n=24):
    g = torch.Generator().manual_seed(seed)
    user, item = torch.randint(0, 12, (n,), generator=g), torch.randint(0, 15, (n,), generator=g)
    return user, item, 3 + (user % 3 - 1) + 0.5 * (item % 2).float()


batch = ratings(0)
train_batches = [ratings(0), ratings(1)]


def make_model():
    return Ratings()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=1e-4)


def loss_fn(model, batch):
    user, item, score = batch
    return (model(user, item) - score).square().mean()


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
