"""Sentence classification with nn.TransformerEncoder and a padding mask."""

import torch
from torch import nn
from torch.nn import functional as F


class Reviews(nn.Module):
    def __init__(self, vocab=30, width=16):
        super().__init__()
        self.embedding = nn.Embedding(vocab, width, padding_idx=0)
        layer = nn.TransformerEncoderLayer(width, 2, 32, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.classifier = nn.Linear(width, 2)

    def forward(self, input_ids, attention_mask):
        x = self.embedding(input_ids)
        x = self.encoder(x, src_key_padding_mask=~attention_mask.bool())
        # BUG no-mask: padding-leak
        #: x = self.encoder(x)
        weights = attention_mask.unsqueeze(-1).float()
        pooled = (x * weights).sum(1) / weights.sum(1)
        # BUG plain-mean: padding-leak
        #: pooled = x.mean(dim=1)
        return self.classifier(pooled)


def reviews(seed, n=12, t=7):
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, t + 1, (n,), generator=g)
    mask = (torch.arange(t) < lengths[:, None]).long()
    ids = torch.randint(1, 30, (n, t), generator=g) * mask
    return {"input_ids": ids, "attention_mask": mask, "labels": (ids[:, 0] > 15).long()}


batch = reviews(0)
train_batches = [reviews(0), reviews(1)]
val_batches = [reviews(60), reviews(61)]
# BUG same-rows: train-val-leak
#: val_batches = [reviews(60), reviews(1)]


def make_model():
    return Reviews()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3)


def loss_fn(model, batch):
    logits = model(batch["input_ids"], batch["attention_mask"])
    return F.cross_entropy(logits, batch["labels"])
    # BUG sigmoids: sigmoid-into-bce-with-logits
    #: truth = F.one_hot(batch["labels"], 2).float()
    #: return F.binary_cross_entropy_with_logits(torch.sigmoid(logits), truth)  #!


def train_step(model, optimizer, batch):
    model.train()
    # BUG part: missing-train-mode
    #: model.classifier.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    # BUG part-eval: missing-eval-mode
    #: model.classifier.eval()
    hits = []
    with torch.no_grad():
        for b in batches:
            guess = model(b["input_ids"], b["attention_mask"]).argmax(-1)
            hits.append((guess == b["labels"]).float().mean().item())
    return sum(hits) / len(hits)
