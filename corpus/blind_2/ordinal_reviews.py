"""Stars from one to five as cumulative logits (CORAL), features by a small residual MLP."""

import torch
from torch import nn
from torch.nn import functional as F

STARS = 5


class Residual(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.linear = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x):
        return x + F.relu(self.linear(self.norm(x)))


class Coral(nn.Module):
    def __init__(self, features=10, dim=24):
        super().__init__()
        self.inlet = nn.Linear(features, dim)
        self.blocks = nn.Sequential(Residual(dim), Residual(dim))
        # BUG in-dict: unregistered-parameters
        #: self.blocks = {"a": Residual(dim), "b": Residual(dim)}  #!
        self.score = nn.Linear(dim, 1, bias=False)
        self.thresholds = nn.Parameter(torch.arange(STARS - 1).float().neg() + 1.5)

    def forward(self, x):
        h = self.blocks(self.inlet(x))
        # BUG in-dict: unregistered-parameters
        #: h = self.blocks["b"](self.blocks["a"](self.inlet(x)))
        return self.score(h) + self.thresholds
        # BUG cumulative-probabilities: sigmoid-into-bce-with-logits
        #: return torch.sigmoid(self.score(h) + self.thresholds)
        # BUG zero-scaled: constant-output
        #: return 0.0 * self.score(h) + self.thresholds  #!
        # BUG cut-trunk: detached-graph
        #: return self.score(h.detach()) + self.thresholds  #!


def reviews(seed, n=20):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 10, generator=g)
    stars = (x[:, 0] + x[:, 1] + 2.5).round().clamp(0, STARS - 1).long()
    return x, stars


batch = reviews(0)
train_batches = [reviews(0), reviews(1)]
val_batches = [reviews(30)]


def make_model():
    return Coral()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    # BUG thresholds-left: optimizer-misses-parameters
    #: parts = [*model.inlet.parameters(), *model.blocks.parameters(), *model.score.parameters()]
    #: return torch.optim.SGD(parts, lr=0.1, momentum=0.9)


def levels(stars):
    return (stars.unsqueeze(1) > torch.arange(STARS - 1)).float()


def loss_fn(model, batch):
    x, stars = batch
    # BUG permuted 0: shuffled-labels
    #: x = x[torch.randperm(len(x))]
    # FINE permuted-together 0: rows and stars in the same new order
    #: order = torch.randperm(len(x))
    #: x, stars = x[order], stars[order]
    return F.binary_cross_entropy_with_logits(
        model(x), levels(stars)
    )  # ALSO cumulative-probabilities
    # FINE log-sigmoid: the loss written out
    #: logits, over = model(x), levels(stars)
    #: return -(F.logsigmoid(logits) * over + (F.logsigmoid(logits) - logits) * (1 - over)).mean()


def train_step(model, optimizer, batch):
    model.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    # BUG only-scores: missing-zero-grad
    #: model.score.zero_grad()
    #: model.thresholds.grad = None
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    errors = []
    with torch.no_grad():
        for x, stars in batches:
            guess = (model(x) > 0).sum(1, keepdim=True)
            errors.append((guess.squeeze(1) - stars).abs().float().mean())
            # BUG guess-column: broadcast-metric
            #: errors.append((guess - stars).abs().float().mean())
    return -torch.stack(errors).mean().item()
