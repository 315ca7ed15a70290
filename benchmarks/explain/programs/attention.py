"""A transformer block that sorts out which of two symbols is more frequent in a sequence."""

import math

import torch
from torch import nn

LENGTH = 12
SYMBOLS = 8


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / math.sqrt(width // self.heads)
        weights = scores.softmax(dim=-1)
        mixed = (weights @ v).transpose(1, 2).reshape(batch, length, width)
        return self.out(mixed)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x):
        x = x + self.attn(self.norm(x))
        return x + self.mlp(x)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(SYMBOLS, 16)
        self.position = nn.Parameter(torch.randn(LENGTH, 16) * 0.02)
        self.block = Block(16, heads=2)
        self.head = nn.Linear(16, 2)

    def forward(self, codes):
        x = self.embed(codes) + self.position
        return self.head(self.block(x).mean(dim=1))


def sample(n, generator):
    codes = torch.randint(SYMBOLS, (n, LENGTH), generator=generator)
    labels = ((codes == 0).sum(1) > (codes == 1).sum(1)).long()
    return codes, labels


def smoothed_loss(logits, labels):
    return nn.functional.cross_entropy(logits, labels, label_smoothing=0.05)


def learning_rate(step):
    return min(1.0, (step + 1) / 20)


def fit(model, seed, steps):
    generator = torch.Generator().manual_seed(seed + 100)
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, learning_rate)
    for _ in range(steps):
        codes, labels = sample(32, generator)
        loss = smoothed_loss(model(codes), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def accuracy(model):
    model.eval()
    codes, labels = sample(400, torch.Generator().manual_seed(1))
    with torch.no_grad():
        predicted = model(codes).argmax(dim=-1)
    return (predicted == labels).double().mean().item()


def run(mlregress):
    model = Classifier()
    fit(model, mlregress.seed, steps=150)
    mlregress.record("accuracy", accuracy(model), higher_is_better=True)
