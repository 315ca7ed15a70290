"""PPO: several epochs of clipped updates inside one step."""

import torch
from torch import nn
from torch.distributions import Categorical


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 32), nn.Tanh())
        self.pi = nn.Linear(32, 3)
        self.v = nn.Linear(32, 1)

    def forward(self, obs):
        h = self.body(obs)
        return self.pi(h), self.v(h).squeeze(-1)


def make_batch(generator):
    obs = torch.randn(16, 5, generator=generator)
    action = torch.randint(0, 3, (16,), generator=generator)
    reward = (obs[:, :3].argmax(1) == action).float()
    return {
        "obs": obs,
        "action": action,
        "old_logp": torch.full((16,), -1.0986),
        "advantage": reward - 0.4,
        "ret": reward,
    }


def make_model():
    model = ActorCritic()
    nn.init.orthogonal_(model.pi.weight, 0.01)
    return model


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3, eps=1e-5)


def loss_fn(model, b):
    logits, value = model(b["obs"])
    dist = Categorical(logits=logits)
    ratio = (dist.log_prob(b["action"]) - b["old_logp"]).exp()
    a = b["advantage"]
    gain = torch.min(ratio * a, ratio.clamp(0.8, 1.2) * a).mean()
    return -gain + 0.5 * (value - b["ret"]).pow(2).mean() - 0.01 * dist.entropy().mean()


def train_step(model, optimizer, batch, epochs=2, parts=2):
    for _ in range(epochs):
        for index in torch.randperm(16).chunk(parts):
            loss = loss_fn(model, {k: v[index] for k, v in batch.items()})
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
    return loss.item()
