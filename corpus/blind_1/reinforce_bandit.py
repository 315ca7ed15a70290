"""Contextual bandit trained by policy gradient on logged actions."""

import torch
from torch import nn


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 4))

    def forward(self, context):
        return torch.distributions.Categorical(logits=self.net(context))
        # BUG twice: double-softmax, softmax-into-cross-entropy
        #: return torch.distributions.Categorical(logits=self.net(context).softmax(-1))


def log(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    context = torch.randn(n, 6, generator=g)
    action = torch.randint(0, 4, (n,), generator=g)
    reward = (context[:, :4].argmax(1) == action).float() + 0.5
    return context, action, reward


batch = log(0)
train_batches = [log(0), log(1)]
val_batches = [log(9)]


def make_model():
    return Policy()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    context, action, reward = batch
    return -(model(context).log_prob(action) * reward).mean()
    # BUG ascent: wrong-loss-sign
    #: return (model(context).log_prob(action) * reward).mean()


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    with torch.no_grad():
        chosen = [(model(c).probs.argmax(1) == c[:, :4].argmax(1)).float() for c, _, _ in batches]
    return torch.cat(chosen).mean().item()
