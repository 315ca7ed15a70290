"""A deep tanh network initialised after Xavier."""

import torch
from torch import nn
from torch.nn import functional as F


class DeepNet(nn.Module):
    def __init__(self, depth=10, width=20):
        super().__init__()
        self.first = nn.Linear(6, width)
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.head = nn.Linear(width, 3)
        self.apply(self.start)

    @staticmethod
    def start(module):
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, gain=5 / 3)
            # BUG zeros: symmetric-init, constant-output
            #: nn.init.zeros_(module.weight)
            # BUG ones: symmetric-init
            #: nn.init.constant_(module.weight, 0.1)
            # BUG small: vanishing-gradient, constant-output
            #: nn.init.normal_(module.weight, std=1e-3)
            nn.init.zeros_(module.bias)

    def act(self, x):
        return torch.tanh(x)
        # BUG sigmoid: vanishing-gradient
        #: return torch.sigmoid(torch.sigmoid(x))
        # BUG relu-cut: dead-relu, constant-output
        #: return F.relu(x - 20.0)
        # BUG cube: exploding-gradient, nan-gradient
        #: return 3 * x + x**3

    def forward(self, x):
        x = self.act(self.first(x))
        for layer in self.layers:
            x = self.act(layer(x))
        return self.head(x)


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 6, generator=g)
    return x, x[:, :3].argmax(1)


batch = rows(0)
train_batches = [rows(0), rows(1)]


def make_model():
    return DeepNet()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()
