"""Several tags per article: one logit per tag."""

import torch
import torch.nn.functional as F
from torch import nn


class Tags(nn.Module):
    def __init__(self, words=25, tags=6):
        super().__init__()
        self.bag = nn.EmbeddingBag(words, 24, mode="mean")
        self.out = nn.Linear(24, tags)

    def forward(self, words):
        return self.out(F.elu(self.bag(words)))
        # BUG method: sigmoid-into-bce-with-logits
        #: return self.out(F.elu(self.bag(words))).sigmoid()
        # BUG by-hand: sigmoid-into-bce-with-logits
        #: scores = self.out(F.elu(self.bag(words)))
        #: return 1.0 / (1.0 + torch.exp(-scores))
        # BUG softmaxed: softmax-into-cross-entropy, sigmoid-into-bce-with-logits
        #: return F.softmax(self.out(F.elu(self.bag(words))), dim=-1)


def articles(seed, n=12):
    g = torch.Generator().manual_seed(seed)
    words = torch.randint(0, 25, (n, 5), generator=g)
    tags = torch.stack([(words % 6 == k).any(1) for k in range(6)], dim=1).float()
    return words, tags


batch = articles(0)
train_batches = [articles(0), articles(1)]
val_batches = [articles(13)]


def make_model():
    return Tags()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.02)


def loss_fn(model, batch):
    words, tags = batch
    return F.binary_cross_entropy_with_logits(model(words), tags)
    # BUG swapped: swapped-loss-arguments
    #: return F.binary_cross_entropy_with_logits(tags, model(words))


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    model.bag.zero_grad()
    # BUG wrong-module: missing-zero-grad
    model.out.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    right = [((model(w) > 0) == t.bool()).float().mean().item() for w, t in batches]
    return sum(right) / len(right)
