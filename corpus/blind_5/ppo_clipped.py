"""PPO update on recorded experience: clipped policy ratio, clipped value loss, entropy bonus."""

import torch
import torch.nn as nn
from torch.distributions import Categorical

OBS, ACTS, CLIP = 5, 4, 0.2
stream = torch.Generator().manual_seed(1707)
skill = torch.randn(OBS, ACTS, generator=stream)


def experience(n=64):
    obs = torch.randn(n, OBS, generator=stream)
    act = torch.randint(0, ACTS, (n,), generator=stream)  # a uniform behaviour policy
    gain = (obs @ skill).gather(1, act[:, None]).squeeze(1)
    ret = 0.3 * gain + 0.1 * torch.randn(n, generator=stream)
    adv = ret - ret.mean()
    return {
        "obs": obs,
        "act": act,
        "logp": torch.full((n,), 1 / ACTS).log(),
        "value": torch.zeros(n),
        "ret": ret,
        "adv": adv / (ret.std() + 1e-8),
    }


batch = experience()
val_batches = [experience(128)]


def ortho(layer, gain=2**0.5):
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.critic = nn.Sequential(
            ortho(nn.Linear(OBS, 32)),
            nn.Tanh(),
            ortho(nn.Linear(32, 32)),
            nn.Tanh(),
            ortho(nn.Linear(32, 1), 1.0),
        )
        self.actor = nn.Sequential(
            ortho(nn.Linear(OBS, 32)),
            nn.Tanh(),
            ortho(nn.Linear(32, 32)),
            nn.Tanh(),
            ortho(nn.Linear(32, ACTS), 0.01),
        )

    def forward(self, obs, act):
        pi = Categorical(logits=self.actor(obs))
        return pi.log_prob(act), pi.entropy(), self.critic(obs).squeeze(-1)


def make_model():
    return Agent()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-5)


def loss_fn(model, batch):
    logp, entropy, value = model(batch["obs"], batch["act"])
    ratio = (logp - batch["logp"]).exp()
    policy = -torch.min(batch["adv"] * ratio, batch["adv"] * ratio.clamp(1 - CLIP, 1 + CLIP)).mean()
    near = batch["value"] + (value - batch["value"]).clamp(-CLIP, CLIP)
    critic = 0.5 * torch.max((value - batch["ret"]) ** 2, (near - batch["ret"]) ** 2).mean()
    # FINE unclipped: the value loss without the clip
    #: critic = 0.5 * ((value - batch["ret"]) ** 2).mean()
    return policy + 0.5 * critic - 0.01 * entropy.mean()


def train_step(model, optimizer, batch):
    order = torch.randperm(len(batch["act"])).chunk(2)
    for part in order:
        loss = loss_fn(model, {k: v[part] for k, v in batch.items()})
        optimizer.zero_grad()
        loss.backward()
        # BUG stacked 2: missing-zero-grad
        #: loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()


@torch.no_grad()
def evaluate(model, batches):
    picked = [
        (b["obs"] @ skill).gather(1, model.actor(b["obs"]).argmax(1, keepdim=True)).mean()
        for b in batches
    ]
    return torch.stack(picked).mean().item()
