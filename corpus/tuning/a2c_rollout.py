"""Advantage actor-critic over a rollout with bootstrapped returns."""

import torch
from torch import nn
from torch.distributions import Categorical


class A2C(nn.Module):
    def __init__(self):
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 3))
        self.critic = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, state):
        return Categorical(logits=self.actor(state)), self.critic(state).squeeze(-1)


def make_batch(generator):
    state = torch.randn(6, 8, 4, generator=generator)
    action = torch.randint(0, 3, (6, 8), generator=generator)
    reward = (state[..., :3].argmax(-1) == action).float()
    return {"state": state, "action": action, "reward": reward}


def make_model():
    return A2C()


def make_optimizer(model):
    return torch.optim.RMSprop(model.parameters(), lr=2e-3)


def loss_fn(model, b):
    policy, value = model(b["state"])
    with torch.no_grad():
        returns, running = [], value[-1]
        for reward in b["reward"].flip(0):
            running = reward + 0.5 * running
            returns.append(running)
        returns = torch.stack(returns[::-1])
    advantage = (returns - value).detach()
    actor = -(policy.log_prob(b["action"]) * advantage).mean()
    return actor + 0.5 * (returns - value).square().mean() - 0.01 * policy.entropy().mean()
