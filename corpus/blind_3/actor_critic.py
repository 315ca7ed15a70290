"""Clipped policy optimisation on stored rollouts of a uniform policy, several epochs an update."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributions import Categorical

STATES, ACTIONS = 6, 4


def rollout(n, seed):
    g = torch.Generator().manual_seed(seed)
    obs = torch.randn(n, STATES, generator=g)
    action = torch.randint(ACTIONS, (n,), generator=g)
    best = obs[:, :ACTIONS].argmax(1)
    reward = 8.0 + 2.0 * (action == best).float() + 0.1 * torch.randn(n, generator=g)
    return {
        "obs": obs,
        "action": action,
        "return": reward,
        "old": torch.full((n,), 1 / ACTIONS).log(),
    }


class ActorCritic(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(STATES, hidden), nn.Tanh())
        self.norm = nn.LayerNorm(hidden)
        self.pi = nn.Linear(hidden, ACTIONS)
        self.value = nn.Linear(hidden, 1)
        # BUG valuebias: missing-output-bias
        #: self.value = nn.Linear(hidden, 1, bias=False)

    def forward(self, obs):
        h = self.norm(self.trunk(obs))
        dist = Categorical(logits=self.pi(h))
        # BUG problogits: double-softmax, softmax-into-cross-entropy
        #: dist = Categorical(logits=F.softmax(self.pi(h), dim=-1))
        return dist, self.value(h).flatten()


def loss_fn(model, batch):
    dist, value = model(batch["obs"])
    advantage = (batch["return"] - value).detach()
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-6)
    ratio = (dist.log_prob(batch["action"]) - batch["old"]).exp()
    gain = torch.minimum(ratio * advantage, ratio.clamp(0.7, 1.3) * advantage)
    # FINE advantage: a policy gradient whose baseline is the batch mean
    #: gain = 0.1 * torch.minimum(ratio, ratio.new_tensor(1.5)) * advantage
    policy = -gain.mean()
    critic = F.mse_loss(value, batch["return"])
    # BUG novalue: detached-graph
    #: critic = F.mse_loss(value.detach(), batch["return"])
    return policy + 0.5 * critic - 0.01 * dist.entropy().mean()


def make_model():
    return ActorCritic()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-2)


def train_step(model, optimizer, batch):
    # BUG outside 0: missing-zero-grad
    #: optimizer.zero_grad()
    for _ in range(3):
        optimizer.zero_grad()
        # BUG outside: missing-zero-grad
        loss = loss_fn(model, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    good = [
        (model(b["obs"])[0].probs.argmax(1) == b["obs"][:, :ACTIONS].argmax(1)).float()
        for b in batches
    ]
    return torch.cat(good).mean().item()


batch = rollout(64, 0)
val_batches = [rollout(64, 5), rollout(64, 6)]
