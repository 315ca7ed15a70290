"""torch.autograd.grad with adaptive gradient clipping (per-unit norm ratio) and a plain SGD update in place."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(5)
protos = torch.randn(5, 1, 8, 8, generator=g)


def draw(n):
    y = torch.randint(0, 5, (n,), generator=g)
    return protos[y] + 0.5 * torch.randn(n, 1, 8, 8, generator=g), y


batch = draw(16)
val_batches = [draw(16) for _ in range(2)]


def unit_norm(t):
    return t.flatten(1).norm(dim=1).view(-1, *[1] * (t.dim() - 1)) if t.dim() > 1 else t.abs()


def make_model():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.GroupNorm(2, 8),
        nn.SiLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.GroupNorm(4, 16),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 5),
    )


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y, label_smoothing=0.05)


def train_step(model, optimizer, batch, clip=0.1, eps=1e-3):
    params = [p for p in model.parameters() if p.requires_grad]
    loss = loss_fn(model, batch)
    grads = torch.autograd.grad(loss, params)
    with torch.no_grad():
        for p, grad in zip(params, grads):
            limit = clip * unit_norm(p).clamp_min(eps)
            size = unit_norm(grad).clamp_min(1e-12)
            p.grad = grad * (limit / size).clamp(max=1.0)  # assigned, never added: nothing to zero
    optimizer.step()
    return loss.detach()


def evaluate(model, batches):
    with torch.inference_mode():
        right = torch.cat([model(x).argmax(-1) == y for x, y in batches])
    return right.double().mean().item()
