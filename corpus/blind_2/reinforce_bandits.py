"""Policy gradient on a recorded rollout: actor, critic and entropy bonus."""

import torch
from torch import nn
from torch.distributions import Categorical
from torch.nn import functional as F


class ActorCritic(nn.Module):
    def __init__(self, observations=6, actions=4):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(observations, 32), nn.Tanh())
        self.actor = nn.Linear(32, actions)
        self.critic = nn.Linear(32, 1)

    def forward(self, observation):
        h = self.trunk(observation)
        return self.actor(h), self.critic(h).squeeze(-1)
        # BUG value-column: broadcast-loss
        #: return self.actor(h), self.critic(h)  #!
        # BUG relu-logits: relu-on-logits
        #: return F.relu(self.actor(h)), self.critic(h).squeeze(-1)


def rollout(seed, n=32):
    g = torch.Generator().manual_seed(seed)
    observation = torch.randn(n, 6, generator=g)
    action = torch.randint(0, 4, (n,), generator=g)
    best = observation[:, :4].argmax(1)
    reward = (action == best).float() + 0.1 * torch.randn(n, generator=g)
    return {"observation": observation, "action": action, "returns": reward}


batch = rollout(0)
train_batches = [rollout(0), rollout(1)]


def make_model():
    return ActorCritic()


def make_optimizer(model):
    return torch.optim.RMSprop(
        [
            {"params": model.trunk.parameters()},
            {"params": model.actor.parameters()},
            {"params": model.critic.parameters(), "lr": 5e-3},
        ],
        lr=2e-3,
    )
    # BUG no-critic: optimizer-misses-parameters
    #: return torch.optim.RMSprop(
    #:     [{"params": model.trunk.parameters()}, {"params": model.actor.parameters()}], lr=2e-3
    #: )


def loss_fn(model, b):
    logits, value = model(b["observation"])
    policy = Categorical(logits=logits)
    # BUG softmaxed: double-softmax, softmax-into-cross-entropy
    #: policy = Categorical(logits=F.softmax(logits, dim=-1))
    # FINE probs: probabilities where probabilities are asked for
    #: policy = Categorical(probs=logits.softmax(-1))
    advantage = (b["returns"] - value).detach()
    actor = -(policy.log_prob(b["action"]) * advantage).mean()
    critic = (value - b["returns"]).square().mean()  # ALSO value-column
    # FINE huber: smooth L1 for the critic
    #: critic = F.smooth_l1_loss(value, b["returns"])
    return actor + 0.5 * critic - 0.01 * policy.entropy().mean()


def train_step(model, optimizer, b):
    loss = loss_fn(model, b)
    optimizer.zero_grad()
    loss.backward()
    # BUG zero-after-backward 2: missing-zero-grad
    #: loss.backward()
    #: optimizer.zero_grad()  #!
    # BUG half-zeroed 2: missing-zero-grad
    #: model.trunk.zero_grad()
    #: loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
    # BUG clip-after 2: clip-misorder
    #: optimizer.step()
    #: nn.utils.clip_grad_norm_(model.parameters(), 0.5)  #!
    return loss.item()
