"""Advantage actor-critic on recorded rollouts, accumulation of gradients and a linear schedule."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical

OBS, ACTIONS = 6, 4


class ActorCritic(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.shared = nn.Sequential(
            nn.Linear(OBS, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh()
        )
        self.actor = nn.Linear(hidden, ACTIONS)
        self.critic = nn.Linear(hidden, 1)

    def forward(self, obs):
        h = self.shared(obs)
        dist = Categorical(logits=self.actor(h))
        # BUG twice: double-softmax, softmax-into-cross-entropy
        #: dist = Categorical(logits=F.softmax(self.actor(h), dim=-1))
        # FINE by-probs: the distribution from its probabilities
        #: dist = Categorical(probs=F.softmax(self.actor(h), dim=-1))
        return dist, self.critic(h).squeeze(-1)
        # BUG column: broadcast-loss
        #: return dist, self.critic(h)


def rollouts(n, seed):
    g = torch.Generator().manual_seed(seed)
    w = torch.randn(OBS, ACTIONS, generator=torch.Generator().manual_seed(21))
    obs = torch.randn(n, OBS, generator=g)
    action = torch.randint(0, ACTIONS, (n,), generator=g)
    best = (obs @ w).argmax(1)
    returns = 5.0 + obs[:, 0] + 2.0 * (action == best).float() - 0.5
    return {"obs": obs, "action": action, "returns": returns}


batch = rollouts(32, 0)
val_batches = [rollouts(32, 1)]


def make_model():
    return ActorCritic()


def loss_fn(model, batch):
    dist, value = model(batch["obs"])
    advantage = batch["returns"] - value
    policy = -(dist.log_prob(batch["action"]) * advantage.detach()).mean()
    return policy + 0.5 * advantage.pow(2).mean() - 0.01 * dist.entropy().mean()


def make_optimizer(model):
    optimizer = torch.optim.Adam(model.parameters(), lr=7e-3, eps=1e-5)
    optimizer.schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: max(1 - s / 2000, 0.05)
    )
    # BUG integer: no-single-batch-overfit, bad-learning-rate
    #: optimizer.schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: max(1 - s, 0))
    return optimizer


def train_step(model, optimizer, batch, chunks=2):
    optimizer.zero_grad()
    for i in range(chunks):
        part = {k: v[i::chunks] for k, v in batch.items()}
        (loss_fn(model, part) / chunks).backward()
        # BUG each 2: missing-zero-grad
        #: optimizer.zero_grad()
        #: part = {k: v[i::chunks] for k, v in batch.items()}
        #: (loss_fn(model, part) / chunks).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
    optimizer.schedule.step()


@torch.no_grad()
def evaluate(model, batches):
    errors = [F.l1_loss(model(b["obs"])[1], b["returns"]).item() for b in batches]
    return sum(errors) / len(errors)
