"""Twin critics with slow targets and a deterministic actor."""

import copy

import torch
from torch import nn
from torch.nn import functional as F


def critic():
    return nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 2), nn.Tanh())
        self.q = nn.ModuleList([critic(), critic()])
        # BUG twins: shared-init
        #: self.q = nn.ModuleList([critic()] * 2)
        # BUG copies: shared-init
        #: first = critic()
        #: self.q = nn.ModuleList([first, copy.deepcopy(first)])  #!
        self.slow = copy.deepcopy(self.q).requires_grad_(False)
        # BUG alias: target-alias
        #: self.slow = self.q
        # BUG shallow: target-alias
        #: self.slow = copy.copy(self.q)

    def forward(self, state):
        return self.actor(state)

    def value(self, critics, state, action):
        both = torch.stack([c(torch.cat([state, action], 1)).squeeze(1) for c in critics])
        return both

    @torch.no_grad()
    def sync(self, tau=0.02):
        for s, p in zip(self.slow.parameters(), self.q.parameters()):
            s.mul_(1 - tau).add_(p, alpha=tau)


def make_batch(generator):
    state, following = torch.randn(2, 16, 4, generator=generator)
    action = torch.rand(16, 2, generator=generator) * 2 - 1
    reward = -(action - state[:, :2].clamp(-1, 1)).square().sum(1)
    return {"s": state, "a": action, "r": reward, "s2": following}


def make_model():
    return Agent()


def make_optimizer(model):
    return {
        "critic": torch.optim.Adam(model.q.parameters(), lr=3e-3),
        "actor": torch.optim.Adam(model.actor.parameters(), lr=1e-3),
    }


def loss_fn(model, b):
    with torch.no_grad():
        a2 = model(b["s2"])
        goal = b["r"] + 0.9 * model.value(model.slow, b["s2"], a2).min(0).values
    return F.mse_loss(model.value(model.q, b["s"], b["a"]), goal.expand(2, -1))


def train_step(model, optimizer, b):
    optimizer["critic"].zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer["critic"].step()
    optimizer["actor"].zero_grad()
    # BUG actor-keeps: missing-zero-grad
    gain = model.value(model.q, b["s"], model(b["s"])).min(0).values.mean()
    # BUG cut: detached-graph
    #: gain = model.value(model.q, b["s"], model(b["s"]).detach()).min(0).values.mean()
    (-gain).backward()
    # BUG descends: wrong-loss-sign
    #: gain.backward()
    optimizer["actor"].step()
    model.sync()
    return loss.item()
