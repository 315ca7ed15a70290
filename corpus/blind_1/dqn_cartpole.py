"""Q-learning with a target network."""

import copy

import torch
from torch import nn
from torch.nn import functional as F


class QNet(nn.Module):
    def __init__(self, observations=4, actions=3, width=32):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(observations, width), nn.Tanh())
        self.q = nn.Linear(width, actions)

    def forward(self, s):
        return self.q(self.body(s))


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.online = QNet()
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        # BUG alias: target-alias
        #: self.target = self.online

    def forward(self, s):
        return self.online(s)

    @torch.no_grad()
    def follow(self, tau=0.01):
        for slow, fast in zip(self.target.parameters(), self.online.parameters()):
            slow.lerp_(fast, tau)


def replay(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    state, following = torch.randn(2, n, 4, generator=g)
    action = torch.randint(0, 3, (n,), generator=g)
    reward = state[:, 0] * (action - 1) + 0.1 * torch.randn(n, generator=g)
    done = (torch.rand(n, generator=g) < 0.3).float()
    return {"s": state, "a": action, "r": reward, "s2": following, "done": done}


batch = replay(0)
train_batches = [replay(0), replay(1)]


def make_model():
    return Agent()


def make_optimizer(model):
    return torch.optim.RMSprop(model.online.parameters(), lr=1e-3)
    # BUG only-head: optimizer-misses-parameters
    #: return torch.optim.RMSprop(model.online.q.parameters(), lr=1e-3)


def loss_fn(model, batch):
    q = model(batch["s"]).gather(1, batch["a"].unsqueeze(1)).squeeze(1)
    # BUG column: broadcast-loss
    #: q = model(batch["s"]).gather(1, batch["a"].unsqueeze(1))
    with torch.no_grad():
        best = model.target(batch["s2"]).max(dim=1).values
        goal = batch["r"] + 0.9 * (1 - batch["done"]) * best
    return F.smooth_l1_loss(q, goal)


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    model.follow()
    return loss.item()
