"""Double Q-learning with a hard target copy every few steps."""

import torch
from torch import nn
from torch.nn import functional as F


class Dueling(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 32), nn.ReLU())
        self.value, self.advantage = nn.Linear(32, 1), nn.Linear(32, 4)

    def forward(self, s):
        h = self.body(s)
        a = self.advantage(h)
        return self.value(h) + a - a.mean(1, keepdim=True)


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.online, self.target = Dueling(), Dueling()
        self.target.load_state_dict(self.online.state_dict())
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, s):
        return self.online(s)


def replay(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    s, s2 = torch.randn(2, n, 5, generator=g)
    a = torch.randint(0, 4, (n,), generator=g)
    return {"s": s, "a": a, "r": s[torch.arange(n), a], "s2": s2}


batch = replay(0)
train_batches = [replay(s) for s in range(3)]


def make_model():
    return Agent()


def make_optimizer(model):
    return torch.optim.Adam(model.online.parameters(), lr=3e-3)


def loss_fn(model, b):
    q = model(b["s"]).gather(1, b["a"][:, None]).squeeze(1)
    with torch.no_grad():
        best = model.online(b["s2"]).argmax(1, keepdim=True)
        goal = b["r"] + 0.5 * model.target(b["s2"]).gather(1, best).squeeze(1)
    return F.huber_loss(q, goal)


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    model.steps += 1
    if model.steps % 5 == 0:
        model.target.load_state_dict(model.online.state_dict())
    return loss.item()
