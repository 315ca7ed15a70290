"""Deep Q-learning from a replay memory, with a target network that follows slowly."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

GAMMA, TAU = 0.9, 0.05
N_OBS, N_ACTIONS = 4, 3


class DQN(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Linear(N_OBS, 32)
        self.layer2 = nn.Linear(32, 32)
        self.layer3 = nn.Linear(32, N_ACTIONS)

    def forward(self, x):
        x = F.relu(self.layer1(x))
        x = F.relu(self.layer2(x))
        return self.layer3(x)


class Agent(nn.Module):
    def __init__(self):
        super().__init__()
        self.policy_net = DQN()
        self.target_net = copy.deepcopy(self.policy_net)
        # FINE load: the target loads the state of the policy
        #: self.target_net = DQN()
        #: self.target_net.load_state_dict(self.policy_net.state_dict())
        self.target_net.requires_grad_(False)
        # BUG alias 2: target-alias
        #: self.target_net = self.policy_net

    def forward(self, state):
        return self.policy_net(state)


def memory(n, seed):
    g = torch.Generator().manual_seed(seed)
    w = torch.randn(N_OBS, N_ACTIONS, generator=torch.Generator().manual_seed(1))
    state = torch.randn(n, N_OBS, generator=g)
    action = torch.randint(0, N_ACTIONS, (n, 1), generator=g)
    reward = torch.tanh(state @ w).gather(1, action).squeeze(1) - 1.0
    next_state = 0.5 * state + 0.5 * torch.randn(n, N_OBS, generator=g)
    done = torch.rand(n, generator=g) < 0.2
    return {
        "state": state,
        "action": action,
        "reward": reward,
        "next_state": next_state,
        "done": done,
    }


batch = memory(32, 0)
val_batches = [memory(32, 1)]


def make_model():
    return Agent()


def loss_fn(agent, batch):
    q = agent.policy_net(batch["state"]).gather(1, batch["action"])
    # BUG no-graph: detached-graph, no-single-batch-overfit
    #: q = torch.tensor(agent.policy_net(batch["state"]).gather(1, batch["action"]), requires_grad=True)
    with torch.no_grad():
        next_q = agent.target_net(batch["next_state"]).max(1).values
        target = batch["reward"] + GAMMA * next_q * (~batch["done"])
    loss = F.smooth_l1_loss(q, target.unsqueeze(1))
    # BUG manual: broadcast-loss
    #: loss = (target - q).pow(2).mean()
    return loss


def make_optimizer(agent):
    return torch.optim.AdamW(agent.policy_net.parameters(), lr=3e-3, amsgrad=True)
    # BUG wrong-net: optimizer-misses-parameters, no-single-batch-overfit
    #: return torch.optim.AdamW(agent.target_net.parameters(), lr=3e-3, amsgrad=True)


def train_step(agent, optimizer, batch):
    loss = loss_fn(agent, batch)
    optimizer.zero_grad()
    # BUG target-zero: missing-zero-grad
    #: agent.target_net.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(agent.policy_net.parameters(), 10)
    optimizer.step()
    with torch.no_grad():
        for p, tp in zip(agent.policy_net.parameters(), agent.target_net.parameters()):
            tp.mul_(1 - TAU).add_(TAU * p)
    return loss.item()


@torch.no_grad()
def evaluate(agent, batches):
    gaps = []
    for b in batches:
        q = agent(b["state"]).gather(1, b["action"]).squeeze(1)
        gaps.append((q - b["reward"]).abs().mean().item())
    return sum(gaps) / len(gaps)
