"""Deep ensemble in one module: stacked parameters, members run by vmap(functional_call); loss is the sum over members."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

g = torch.Generator().manual_seed(52)


def draw(n=32):
    x = torch.rand(n, 2, generator=g) * 4 - 2
    return x, ((x[:, 0] * x[:, 1]) > 0).long()


batch = draw()
val_batches = [draw(), draw()]


def member():
    return nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))


class Ensemble(nn.Module):
    def __init__(self, k=4):
        super().__init__()
        params, _ = stack_module_state([member() for _ in range(k)])
        self.stack = nn.ParameterDict(
            {n.replace(".", "_"): nn.Parameter(p.detach().clone()) for n, p in params.items()}
        )
        self._shape = [member().to("meta")]  # in a list: not a submodule

    def forward(self, x):
        params = {n.replace("_", "."): p for n, p in self.stack.items()}
        return vmap(lambda p: functional_call(self._shape[0], p, (x,)))(params)  # (K, N, 2)


def make_model():
    return Ensemble()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-2)


def loss_fn(model, batch):
    logits = model(batch[0])
    k, n, c = logits.shape
    return F.cross_entropy(logits.reshape(k * n, c), batch[1].repeat(k), reduction="sum") / n


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    hits = [model(x).softmax(-1).mean(0).argmax(-1) == y for x, y in batches]
    return torch.cat(hits).float().mean().item()
