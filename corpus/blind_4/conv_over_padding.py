"""Text classifier with convolutions that deliberately run over the zero padding (fixed window of 16 tokens,
as in the character-CNN papers), max-pooled over time: padding is part of the input."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(12)


def draw(n=16, t=16):
    length = torch.randint(6, t + 1, (n, 1), generator=g)
    ids = torch.randint(1, 12, (n, t), generator=g) * (torch.arange(t) < length)
    label = ((ids == 3).sum(1) > (ids == 5).sum(1)).float()
    return ids, label


batch = draw()
val_batches = [draw(), draw()]


class CharCNN(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.emb = nn.Embedding(12, d)  # id 0 has an ordinary, trainable vector
        self.convs = nn.ModuleList([nn.Conv1d(d, d, k, padding="same") for k in (1, 3, 5)])
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(6 * d, 1)

    def forward(self, ids):
        x = self.emb(ids).transpose(1, 2)
        maps = [F.relu(c(x)) for c in self.convs]
        pooled = [m.amax(-1) for m in maps] + [m.mean(-1) for m in maps]
        return self.out(self.drop(torch.cat(pooled, 1))).squeeze(1)


def make_model():
    return CharCNN()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    ids, label = batch
    return F.binary_cross_entropy_with_logits(model(ids), label)


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    was = model.training
    model.eval()
    right = [((model(ids) > 0).float() == label) for ids, label in batches]
    model.train(was)
    return torch.cat(right).float().mean().item()
