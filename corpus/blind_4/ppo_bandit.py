"""PPO on logged one-step rollouts: several epochs of shuffled minibatches per call, ratio clipping,
value head, entropy bonus; two learning rates in one optimizer."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(42)
best = torch.randn(6, 4, generator=g)


def draw(n=64):
    s = torch.randn(n, 6, generator=g)
    a = torch.randint(0, 4, (n,), generator=g)  # behaviour: uniform
    r = ((s @ best).argmax(1) == a).float() + 0.1 * torch.randn(n, generator=g)
    return {"obs": s, "act": a, "logp": torch.full((n,), 0.25).log(), "ret": r}


batch = draw()
val_batches = [draw()]


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.actor = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 4))
        self.critic = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 1))
        nn.init.zeros_(self.actor[-1].weight)  # start from the uniform policy
        nn.init.zeros_(self.actor[-1].bias)

    def forward(self, obs):
        return torch.distributions.Categorical(logits=self.actor(obs)), self.critic(obs).squeeze(-1)


def make_model():
    return ActorCritic()


def make_optimizer(model):
    return torch.optim.Adam(
        [
            {"params": model.actor.parameters(), "lr": 2e-3},
            {"params": model.critic.parameters(), "lr": 5e-3},
        ],
        eps=1e-5,
    )


def loss_fn(model, batch, clip=0.2):
    pi, value = model(batch["obs"])
    adv = batch["adv"] if "adv" in batch else batch["ret"] - value.detach()
    adv = (adv - adv.mean()) / (adv.std() + 1e-8)
    ratio = (pi.log_prob(batch["act"]) - batch["logp"]).exp()
    actor = -torch.minimum(ratio * adv, ratio.clamp(1 - clip, 1 + clip) * adv).mean()
    return actor + 0.5 * F.mse_loss(value, batch["ret"]) - 0.01 * pi.entropy().mean()


def train_step(model, optimizer, batch, epochs=2, size=16):
    with torch.no_grad():  # advantages of the rollout, fixed for all epochs of this call
        batch = {**batch, "adv": batch["ret"] - model(batch["obs"])[1]}
    total = 0.0
    for _ in range(epochs):
        for rows in torch.randperm(len(batch["act"])).split(size):
            loss = loss_fn(model, {k: v[rows] for k, v in batch.items()})
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            optimizer.step()
            total += loss.item()
    return total


@torch.no_grad()
def evaluate(model, batches):
    """Chance of the rewarded action under the policy."""
    return sum(
        model(b["obs"])[0].probs.gather(1, (b["obs"] @ best).argmax(1, keepdim=True)).mean().item()
        for b in batches
    ) / len(batches)
