"""Double-network Q learning on stored transitions, with a slowly following target."""

import copy

import torch
from torch import nn
from torch.nn import functional as F


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.online = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
        # FINE dueling: value and advantage streams
        #: self.online = Dueling()
        self.target = copy.deepcopy(self.online)
        self.target.requires_grad_(False)
        # BUG no-copy 2: target-alias
        #: self.target = self.online
        # BUG froze-online: frozen-parameter
        #: self.online[0].requires_grad_(False)  #!
        #: self.target.requires_grad_(False)

    def forward(self, state):
        return self.online(state)


class Dueling(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(8, 32)
        self.value = nn.Linear(32, 1)
        self.advantage = nn.Linear(32, 3)

    def forward(self, x):
        h = F.relu(self.body(x))
        a = self.advantage(h)
        return self.value(h) + a - a.mean(1, keepdim=True)


def transitions(seed, n=24):
    g = torch.Generator().manual_seed(seed)
    state = torch.randn(n, 8, generator=g)
    action = torch.randint(0, 3, (n,), generator=g)
    after = state + 0.1 * torch.randn(n, 8, generator=g)
    reward = torch.tanh(state[torch.arange(n), action])
    done = (torch.rand(n, generator=g) < 0.2).float()
    return {"s": state, "a": action, "r": reward, "s2": after, "d": done}


batch = transitions(0)
train_batches = [transitions(0), transitions(1)]


def make_model():
    return Agent()


def make_optimizer(model):
    return torch.optim.Adam(model.online.parameters(), lr=3e-3)


def loss_fn(model, b):
    q = model(b["s"]).gather(1, b["a"].unsqueeze(1)).squeeze(1)
    # BUG q-column: broadcast-loss
    #: q = model(b["s"]).gather(1, b["a"].unsqueeze(1))  #!
    with torch.no_grad():
        goal = b["r"] + 0.8 * (1 - b["d"]) * model.target(b["s2"]).max(1).values
        # FINE double-q: the online network chooses, the target network rates
        #: choice = model.online(b["s2"]).argmax(1, keepdim=True)
        #: goal = b["r"] + 0.8 * (1 - b["d"]) * model.target(b["s2"]).gather(1, choice).squeeze(1)
    return (q - goal).pow(2).mean()  # ALSO q-column


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    # BUG target-zeroed: missing-zero-grad
    #: model.target.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    # BUG in-no-time 3: step-before-backward
    #: optimizer.step()  #!
    #: loss = loss_fn(model, b)
    #: loss.backward()
    with torch.no_grad():
        for slow, fast in zip(model.target.parameters(), model.online.parameters()):
            slow.lerp_(fast, 0.01)
    return loss.item()
