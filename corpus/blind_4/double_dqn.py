"""Double DQN on a fixed replay sample: the target network is copied every ten steps, terminal states masked."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(43)


def draw(n=64):
    """A walk on five cells; reaching the right end pays 1 and ends the episode."""
    cell = torch.randint(0, 4, (n,), generator=g)
    action = torch.randint(0, 2, (n,), generator=g)
    after = (cell + 2 * action - 1).clamp(0, 4)
    return {
        "s": F.one_hot(cell, 5).float(),
        "a": action,
        "s2": F.one_hot(after, 5).float(),
        "r": (after == 4).float(),
        "done": after == 4,
    }


batch = draw()
val_batches = [draw()]


class DQN(nn.Module):
    def __init__(self):
        super().__init__()
        self.q = nn.Sequential(
            nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2)
        )
        self.target = copy.deepcopy(self.q).requires_grad_(False)
        self.learned = 0

    def forward(self, s):
        return self.q(s)


def make_model():
    return DQN()


def make_optimizer(model):
    return torch.optim.Adam(model.q.parameters(), lr=3e-3)


def loss_fn(model, batch, gamma=0.9):
    q = model(batch["s"]).gather(1, batch["a"].unsqueeze(1)).squeeze(1)
    with torch.no_grad():
        choice = model(batch["s2"]).argmax(1, keepdim=True)
        ahead = model.target(batch["s2"]).gather(1, choice).squeeze(1)
        goal = batch["r"] + gamma * ahead * (~batch["done"])
    return F.smooth_l1_loss(q, goal)


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_value_(model.q.parameters(), 1.0)
    optimizer.step()
    model.learned += 1
    if model.learned % 10 == 0:
        model.target.load_state_dict(model.q.state_dict())
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    """How often the greedy action goes right, which is optimal everywhere."""
    return torch.cat([model(b["s"]).argmax(1) == 1 for b in batches]).float().mean().item()
