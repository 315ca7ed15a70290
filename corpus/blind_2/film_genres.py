"""Several genres per film from a bag of words; rare genres and a functional style."""

import torch
from torch import nn
from torch.nn import functional as F

GENRES = 6


class Bag(nn.Module):
    def __init__(self, words=40, dim=24):
        super().__init__()
        self.bag = nn.EmbeddingBag(words, dim, mode="mean")
        self.drop = nn.Dropout(0.1)
        self.fc1 = nn.Linear(dim, 24)
        self.fc2 = nn.Linear(24, GENRES)
        # BUG unbiased: missing-output-bias
        #: self.fc2 = nn.Linear(24, GENRES, bias=False)

    def forward(self, ids):
        h = F.relu(self.fc1(self.drop(self.bag(ids))))
        return self.fc2(h)
        # BUG dropped: dropout-on-logits
        #: return self.drop(self.fc2(h))
        # BUG squashed: sigmoid-into-bce-with-logits
        #: return torch.special.expit(self.fc2(h))
        # BUG one-of-many: sigmoid-into-bce-with-logits
        #: return F.softmax(self.fc2(h), dim=-1)
        # BUG positive: relu-on-logits
        #: return self.fc2(h).clamp(min=0)
        # FINE soft-cap: logits capped smoothly, as Gemma does
        #: return 4 * torch.tanh(self.fc2(h) / 4)


def films(seed, n=20):
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 40, (n, 12), generator=g)
    genres = torch.stack([((ids == 6 * k) | (ids == 6 * k + 1)).any(1) for k in range(GENRES)], 1)
    genres[:, 3:] &= torch.rand(n, 3, generator=g) < 0.1
    return {"ids": ids, "genres": genres.float()}


batch = films(0)
train_batches = [films(0), films(1), films(2)]
val_batches = [films(50)]


def make_model():
    return Bag()


def loss_fn(model, b):
    logits = model(b["ids"])
    return F.binary_cross_entropy_with_logits(logits, b["genres"])  # ALSO squashed one-of-many
    # BUG reversed: swapped-loss-arguments
    #: return F.binary_cross_entropy_with_logits(b["genres"], logits)
    # FINE probabilities: probabilities into plain binary cross entropy
    #: return F.binary_cross_entropy(logits.sigmoid(), b["genres"])
    # FINE weighted: rare genres weigh more
    #: weight = torch.tensor([1.0, 1.0, 1.0, 4.0, 4.0, 4.0])
    #: return F.binary_cross_entropy_with_logits(logits, b["genres"], pos_weight=weight)


def evaluate(model, batches):
    model.train(False)
    # BUG dropout-in-test: missing-eval-mode
    #: model.train(True)
    scores = []
    with torch.no_grad():
        for b in batches:
            scores.append(((model(b["ids"]) > 0) == (b["genres"] > 0.5)).float().mean().item())
    model.train(True)
    # BUG stays: missing-train-mode
    return sum(scores) / len(scores)
