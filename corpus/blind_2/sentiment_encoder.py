"""Sentiment of padded reviews by nn.TransformerEncoder with masked mean pooling."""

import torch
import torch.nn.functional as F
from torch import nn


class Sentiment(nn.Module):
    def __init__(self, vocab=30, dim=16, length=10, classes=3):
        super().__init__()
        self.tokens = nn.Embedding(vocab, dim)
        self.positions = nn.Parameter(0.02 * torch.randn(1, length, dim))
        layer = nn.TransformerEncoderLayer(dim, 4, 32, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.out = nn.Linear(dim, classes)

    def forward(self, ids, mask):
        x = self.tokens(ids) + self.positions[:, : ids.shape[1]]
        x = self.encoder(x, src_key_padding_mask=~mask)
        # BUG no-key-mask: padding-leak
        #: x = self.encoder(x)
        # BUG mask-inverted: padding-leak
        #: x = self.encoder(x, src_key_padding_mask=mask)
        weight = mask.unsqueeze(-1).to(x.dtype)
        pooled = (x * weight).sum(1) / weight.sum(1).clamp(min=1)
        # BUG plain-mean 2: padding-leak
        #: pooled = x.mean(1)
        # BUG functional-dropout 0: missing-eval-mode
        #: pooled = F.dropout(pooled, 0.2)  #!
        # FINE gated-dropout 0: functional dropout that follows the mode
        #: pooled = F.dropout(pooled, 0.2, self.training)
        # FINE attention-pool 2: softmax over masked positions
        #: scores = x.mean(-1).masked_fill(~mask, float("-inf"))
        #: pooled = torch.einsum("nt,ntd->nd", scores.softmax(-1), x)
        return self.out(pooled)
        # BUG dropped-logits: dropout-on-logits
        #: return F.dropout(self.out(pooled), 0.3, self.training)


def reviews(seed, n=16, t=10):
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, t, (n,), generator=g)
    mask = torch.arange(t) < lengths[:, None]
    label = torch.randint(0, 3, (n,), generator=g)
    ids = torch.randint(6, 30, (n, t), generator=g)
    ids[:, 0] = 2 * label
    ids[:, 2] = 2 * label + 1
    return {"ids": ids.masked_fill(~mask, 0), "mask": mask, "label": label}


batch = reviews(0)
train_batches = [reviews(0), reviews(5)]
val_batches = [reviews(60)]


def make_model():
    return Sentiment()


def make_optimizer(model):
    decay = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=3e-3)
    # BUG forgot-rest: optimizer-misses-parameters
    #: return torch.optim.AdamW(groups[:1], lr=3e-3)


def loss_fn(model, b):
    logits = model(b["ids"], b["mask"])
    return F.cross_entropy(logits, b["label"])
    # BUG softmax-first: softmax-into-cross-entropy, double-softmax
    #: probabilities = torch.exp(logits) / torch.exp(logits).sum(-1, keepdim=True)  #!
    #: return F.cross_entropy(probabilities, b["label"])  #!
    # BUG soft-then-log: double-softmax, softmax-into-cross-entropy
    #: scores = F.softmax(logits, dim=-1)
    #: return F.nll_loss(F.log_softmax(scores, dim=-1), b["label"])  #!


def train_step(model, optimizer, b):
    model.train()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    # BUG one-tensor: missing-zero-grad
    #: model.out.zero_grad()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    with torch.inference_mode():
        hits = [
            (model(b["ids"], b["mask"]).argmax(1) == b["label"]).float().mean() for b in batches
        ]
    return torch.stack(hits).mean().item()
