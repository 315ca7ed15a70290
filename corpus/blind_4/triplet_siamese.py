"""Metric learning: a shared convolutional embedder, triplet loss on signals."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class EmbeddingNet(nn.Module):
    def __init__(self, out=8):
        super().__init__()
        self.convnet = nn.Sequential(
            nn.Conv1d(2, 12, 5, padding=2, bias=False), nn.BatchNorm1d(12), nn.PReLU(), nn.MaxPool1d(2),
            nn.Conv1d(12, 16, 5, padding=2, bias=False), nn.BatchNorm1d(16), nn.PReLU(), nn.MaxPool1d(2),
        )  # fmt: skip
        self.fc = nn.Sequential(
            nn.Linear(16 * 8, 32), nn.PReLU(), nn.Dropout(0.1), nn.Linear(32, out)
        )

    def forward(self, x):
        # x: (batch, time, channel)
        x = x.transpose(1, 2)
        # BUG viewed: view-instead-of-permute
        #: x = x.view(-1, 2, 32)
        output = self.convnet(x)
        output = output.view(output.size()[0], -1)
        return self.fc(output)


class TripletNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding_net = EmbeddingNet()

    def forward(self, x1, x2, x3):
        return self.embedding_net(x1), self.embedding_net(x2), self.embedding_net(x3)


def signals(labels, g):
    t = torch.arange(32.0)
    freq = 0.3 + 0.35 * labels[:, None].float()
    phase = 6.28 * torch.rand(len(labels), 1, generator=g)
    x = torch.stack([torch.sin(freq * t + phase), torch.cos(freq * t + phase)], dim=-1)
    return x + 0.4 * torch.randn(x.shape, generator=g)


def triplets(n, seed):
    g = torch.Generator().manual_seed(seed)
    a = torch.randint(0, 4, (n,), generator=g)
    other = (a + torch.randint(1, 4, (n,), generator=g)) % 4
    return {"anchor": signals(a, g), "positive": signals(a, g), "negative": signals(other, g)}


batch = triplets(12, 0)
val_batches = [triplets(12, 1), triplets(12, 2)]


def make_model():
    return TripletNet()


def loss_fn(model, batch):
    anchor, positive, negative = model(batch["anchor"], batch["positive"], batch["negative"])
    distance_positive = (anchor - positive).pow(2).sum(1)
    distance_negative = (anchor - negative).pow(2).sum(1)
    # BUG root-same 0: nan-gradient
    #: spread = (anchor.unsqueeze(0) - anchor.unsqueeze(1)).pow(2).sum(-1).sqrt()  #!
    #: distance_negative = distance_negative + 0.01 * spread.mean(1)
    # FINE root-safe 0: the root is kept away from zero
    #: spread = ((anchor.unsqueeze(0) - anchor.unsqueeze(1)).pow(2).sum(-1) + 1e-6).sqrt()
    #: distance_negative = distance_negative + 0.01 * spread.mean(1)
    losses = F.relu(distance_positive - distance_negative + 1.0)
    # BUG reversed: wrong-loss-sign
    #: losses = F.relu(distance_negative - distance_positive + 1.0)
    return losses.mean()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def train_step(model, optimizer, batch):
    model.train()
    # BUG submodule: missing-train-mode
    #: model.embedding_net.fc.train()
    optimizer.zero_grad()
    outputs = loss_fn(model, batch)
    outputs.backward()
    optimizer.step()
    return outputs.item()


def evaluate(model, batches):
    with torch.no_grad():
        model.eval()
        # BUG swapped-mode: missing-eval-mode, eval-mutates-model
        #: model.embedding_net.fc.eval()
        wins = []
        for b in batches:
            a, p, n = model(b["anchor"], b["positive"], b["negative"])
            wins.append(((a - p).norm(dim=1) < (a - n).norm(dim=1)).float())
    return torch.cat(wins).mean().item()
