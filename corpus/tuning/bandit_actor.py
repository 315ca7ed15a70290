"""A policy trained on logged rewards with an entropy bonus."""

import torch
from torch import nn
from torch.distributions import Categorical


class Actor(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 24), nn.Tanh())
        self.logits = nn.Linear(24, 3)

    def forward(self, obs):
        return self.logits(self.body(obs))
        # BUG already: double-softmax, softmax-into-cross-entropy
        #: return self.logits(self.body(obs)).softmax(dim=-1)


def make_batch(generator):
    obs = torch.randn(16, 5, generator=generator)
    action = torch.randint(0, 3, (16,), generator=generator)
    return {"obs": obs, "action": action, "reward": (obs[:, :3].argmax(1) == action).float() + 0.2}


def make_model():
    return Actor()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    policy = Categorical(probs=model(batch["obs"]).softmax(-1))
    # BUG softer: double-softmax
    #: policy = Categorical(probs=model(batch["obs"]).softmax(-1).softmax(-1))
    gain = policy.log_prob(batch["action"]) * batch["reward"]
    return -gain.mean()
    # BUG up: wrong-loss-sign
    #: return gain.mean()


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    # BUG forgets: missing-zero-grad
    return loss.item()
