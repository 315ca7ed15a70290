"""Contrastive learning of clusters, with a target encoder that follows slowly; judged by kNN."""

import copy

import numpy as np
import torch
from torch import nn

TEMPERATURE = 0.2


def make_encoder():
    return nn.Sequential(
        nn.Linear(12, 32),
        nn.ReLU(),
        nn.Linear(32, 8),
    )


def make_clusters():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(5, 12))
    labels = rng.integers(5, size=300)
    points = centres[labels] + 0.8 * rng.normal(size=(300, 12))
    return torch.tensor(points, dtype=torch.float32), labels


def augment(x):
    mask = torch.rand(x.shape) > 0.2
    return x * mask + 0.1 * torch.randn(x.shape)


def similarity(a, b):
    a = nn.functional.normalize(a, dim=1)
    b = nn.functional.normalize(b, dim=1)
    return a @ b.T


def contrastive_loss(queries, keys):
    logits = similarity(queries, keys) / TEMPERATURE
    return nn.functional.cross_entropy(logits, torch.arange(len(logits)))


@torch.no_grad()
def follow(target, online, momentum=0.95):
    for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
        slow.mul_(momentum).add_((1 - momentum) * fast)


def train(points, steps):
    online = make_encoder()
    target = copy.deepcopy(online)
    target.requires_grad_(False)
    optimizer = torch.optim.Adam(online.parameters(), lr=2e-3, eps=1e-8)
    for _ in range(steps):
        batch = points[torch.randint(len(points), (48,))]
        queries = online(augment(batch))
        with torch.no_grad():
            keys = target(augment(batch))
        loss = contrastive_loss(queries, keys)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        follow(target, online)
    return online


def nearest_neighbour_accuracy(encoder, points, labels):
    with torch.no_grad():
        features = encoder(points).numpy()
    distance = ((features[:, None] - features[None]) ** 2).sum(axis=-1)
    np.fill_diagonal(distance, np.inf)
    return float((labels[distance.argmin(axis=1)] == labels).mean())


def run(mlregress):
    points, labels = make_clusters()
    encoder = train(points, steps=140)
    accuracy = nearest_neighbour_accuracy(encoder, points, labels)
    mlregress.record("accuracy", accuracy, higher_is_better=True)
