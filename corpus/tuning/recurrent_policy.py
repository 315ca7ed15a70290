"""An imitation policy over observations with a replay of its own statistics."""

import random

import torch
from torch import nn
from torch.nn import functional as F


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(5, 16, batch_first=True)
        self.act = nn.Linear(16, 3)
        self.recent = []

    def forward(self, obs):
        h, _ = self.rnn(obs)
        self.recent = [h[:, -1].detach()]
        # BUG diary: graph-growth
        #: self.recent.append(h[:, -1])
        return self.act(h)
        # BUG softened: double-softmax, softmax-into-cross-entropy
        #: return self.act(h).softmax(-1)


def episodes(seed, n=8, t=6):
    g = torch.Generator().manual_seed(seed)
    obs = torch.randn(n, t, 5, generator=g)
    return obs, obs.cumsum(1)[..., :3].argmax(-1)


batch = episodes(0)
train_batches = [episodes(0), episodes(1)]
val_batches = [episodes(16), episodes(17)]
# BUG seen: train-val-leak
#: val_batches = [tuple(t.clone() for t in b) for b in train_batches]


def make_model():
    return Policy()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    obs, action = batch
    log_prob = model(obs).log_softmax(-1)
    # BUG again: double-softmax
    #: log_prob = model(obs).softmax(-1).log_softmax(-1)
    return F.nll_loss(log_prob.flatten(0, 1), action.flatten())


def train_step(model, optimizer, batch):
    obs, action = batch
    order = torch.randperm(len(obs))
    # BUG system-random: nondeterministic
    #: order = torch.tensor(random.SystemRandom().sample(range(len(obs)), len(obs) // 2))
    # BUG sorted-inputs 0: shuffled-labels
    #: obs = obs[obs[:, 0, 0].argsort()]
    optimizer.zero_grad()
    loss = loss_fn(model, (obs[order], action[order]))
    loss.backward()
    optimizer.step()
    # BUG same-draw 0: rng-reset
    #: torch.set_rng_state(torch.Generator().manual_seed(3).get_state())  #!
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(o).argmax(-1) == a).float().mean().item() for o, a in batches) / len(batches)
