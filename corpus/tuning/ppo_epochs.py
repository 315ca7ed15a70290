"""Several epochs of clipped policy updates per step, with separate nets."""

import torch
from torch import nn
from torch.distributions import Normal
from torch.nn import functional as F


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 2))
        self.log_std = nn.Parameter(torch.zeros(2))
        self.value = nn.Sequential(nn.Linear(4, 24), nn.Tanh(), nn.Linear(24, 1))

    def forward(self, state):
        return Normal(self.mean(state), self.log_std.exp()), self.value(state).squeeze(-1)
        # BUG value-column: broadcast-loss
        #: return Normal(self.mean(state), self.log_std.exp()), self.value(state)


def make_batch(generator):
    state = torch.randn(16, 4, generator=generator)
    action = torch.randn(16, 2, generator=generator)
    reward = 1 - (action - state[:, :2]).square().mean(1)
    return {
        "state": state,
        "action": action,
        "gain": reward,
        "value": torch.zeros(16),
        "log_prob": Normal(0, 1).log_prob(action).sum(1),
    }


def make_model():
    return ActorCritic()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)
    # BUG no-critic: optimizer-misses-parameters
    #: return torch.optim.Adam([*model.mean.parameters(), model.log_std], lr=3e-3)


def loss_fn(model, b):
    policy, value = model(b["state"])
    ratio = (policy.log_prob(b["action"]).sum(1) - b["log_prob"]).exp()
    advantage = b["gain"] - value.detach()
    surrogate = torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
    # BUG detached-ratio: detached-graph
    #: ratio = ratio.detach()  #!
    #: surrogate = torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
    return -surrogate.mean() + (value - b["gain"]).square().mean()
    # FINE value-clip: the value may move a little from where it was, as the policy may
    #: near = (value - b["value"]).clamp(-0.05, 0.05) + b["value"]
    #: free = F.mse_loss(value, b["gain"], reduction="none")
    #: return -surrogate.mean() + torch.max(free, F.mse_loss(near, b["gain"], reduction="none")).mean()
    # BUG flipped: wrong-loss-sign
    #: return surrogate.mean() - (value - b["gain"]).square().mean()


def train_step(model, optimizer, batch):
    for _ in range(3):
        optimizer.zero_grad()
        # BUG outside: missing-zero-grad
        loss = loss_fn(model, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        # BUG unclipped-step: clip-misorder
        optimizer.step()
        # BUG unclipped-step 0: clip-misorder
        #: nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    return loss.item()
