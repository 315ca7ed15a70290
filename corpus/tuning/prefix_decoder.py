"""A decoder with cross-attention to a prompt; causal over its own tokens."""

import torch
from torch import nn
from torch.nn import functional as F


class Decoder(nn.Module):
    def __init__(self, vocab=13, width=16):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.place = nn.Parameter(0.1 * torch.randn(8, width))
        self.attend = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, width))
        self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.out = nn.Linear(width, vocab)

    def forward(self, ids):
        t = ids.shape[1]
        x = self.embed(ids) + self.place[:t]
        mask = torch.triu(torch.full((t, t), float("-inf")), diagonal=1)
        # BUG off-by-one: causal-leak
        #: mask = torch.triu(torch.full((t, t), float("-inf")), diagonal=2)
        h = self.n1(x)
        h, _ = self.attend(h, h, h, attn_mask=mask, need_weights=False)
        # BUG no-mask: causal-leak
        #: h, _ = self.attend(h, h, h, need_weights=False)
        x = x + h
        x = x + self.mlp(self.n2(x))
        # BUG sequence-norm: causal-leak
        #: x = x + self.mlp(self.n2(x))
        #: x = (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 1e-5)  #!
        return self.out(x)


def text(seed):
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(0, 13, (8, 1), generator=g)
    ids = (start + 5 * torch.arange(8)) % 13
    return {"input_ids": ids, "labels": ids.clone()}


batch = text(0)
train_batches = [text(0), text(1)]
val_batches = [text(36)]


def make_model():
    return Decoder()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def loss_fn(model, b):
    logits = model(b["input_ids"])
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), b["labels"][:, 1:].flatten())
    # BUG whole: labels-not-shifted
    #: return F.cross_entropy(logits.flatten(0, 1), b["labels"].flatten())


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, b).item() for b in batches)
