"""A deep narrow regressor of a physical response, written with nn.Sequential and hooks of its own."""

import math

import torch
from torch import nn

DEPTH = 12


def stack(width=16, depth=DEPTH):
    layers = [nn.Linear(3, width), nn.ReLU()]
    for _ in range(depth):
        layers += [nn.Linear(width, width), nn.ReLU()]
    for layer in layers[::2]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        # BUG wide-normal: exploding-gradient
        #: nn.init.normal_(layer.weight, std=2.0)
        # BUG small-normal: vanishing-gradient, constant-output
        #: nn.init.normal_(layer.weight, std=0.01)
        # BUG negative-bias 0: dead-relu
        #: nn.init.constant_(layer.bias, -10.0)
        # BUG equal-weights: symmetric-init
        #: nn.init.constant_(layer.weight, 2 / layer.in_features)
        #: nn.init.zeros_(layer.bias)
        # FINE orthogonal: orthogonal weights with the gain of ReLU
        #: nn.init.orthogonal_(layer.weight, gain=math.sqrt(2))
    return nn.Sequential(*layers, nn.Linear(width, 1))


class Response(nn.Module):
    def __init__(self):
        super().__init__()
        self.stack = stack()

    def forward(self, x):
        return self.stack(x).flatten()


def trials(seed, n=24):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 3, generator=g) * 2 - 1
    return {"x": x, "y": torch.sin(3 * x[:, 0]) + x[:, 1] * x[:, 2]}


batch = trials(0)
train_batches = [trials(0), trials(1)]
val_batches = [trials(70)]


def make_model():
    return Response()
    # BUG bf16: lost-update
    #: return Response().to(torch.bfloat16)


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)
    # BUG bf16: lost-update
    #: return torch.optim.SGD(model.parameters(), lr=2e-4)
    # BUG rate-one: bad-learning-rate
    #: return torch.optim.Adam(model.parameters(), lr=3.0)


def loss_fn(model, b):
    x = b["x"]
    # BUG bf16: lost-update
    #: x = b["x"].to(torch.bfloat16)
    guess = model(x)
    error = guess.float() - b["y"]
    # BUG mean-row: broadcast-loss
    #: error = guess.view(-1, 1) - b["y"]
    return error.square().mean()  # ALSO mean-row
    # BUG log-error: nan-gradient
    #: return torch.where(error > 0, error.sqrt(), -error).mean()
    # FINE log-cosh: a smooth robust loss
    #: return torch.log(torch.cosh(error)).mean()


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    # BUG accumulates: missing-zero-grad
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()
