"""A character model on counting sequences: decoder-only transformer in a compact style."""

import torch
import torch.nn as nn
import torch.nn.functional as F

V, T, D, HEADS = 11, 12, 32, 4


def stream(n, seed):
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(V, (n, 1), generator=g)
    stride = torch.randint(1, 4, (n, 1), generator=g)
    return (start + stride * torch.arange(T + 1)) % V


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj_in = nn.Linear(D, 3 * D, bias=False)
        self.proj_out = nn.Linear(D, D)
        self.drop = nn.Dropout(0.1)
        self.register_buffer("mask", torch.tril(torch.ones(T, T, dtype=torch.bool)))

    def forward(self, x):
        b, t, _ = x.shape
        q, k, v = self.proj_in(x).view(b, t, 3, HEADS, D // HEADS).permute(2, 0, 3, 1, 4)
        # BUG qkvview: view-instead-of-permute, causal-leak, batch-leak
        #: q, k, v = self.proj_in(x).view(3, b, HEADS, t, D // HEADS)
        att = q @ k.mT / (D // HEADS) ** 0.5
        att = att.masked_fill(~self.mask[:t, :t], float("-inf")).softmax(-1)
        # BUG flipped: causal-leak
        #: att = att.masked_fill(self.mask[:t, :t].mT.logical_not(), float("-inf")).softmax(-1)
        # BUG twice: double-softmax, causal-leak
        #: att = att.softmax(-1).masked_fill(~self.mask[:t, :t], float("-inf")).softmax(-1)
        y = (self.drop(att) @ v).transpose(1, 2).contiguous().view(b, t, D)
        # FINE einsum: the same mix and merge in one contraction
        #: y = torch.einsum("bhts,bhsd->bthd", self.drop(att), v).reshape(b, t, D)
        return self.proj_out(y)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.att = SelfAttention()
        self.fc1, self.fc2 = nn.Linear(D, 2 * D), nn.Linear(2 * D, D)

    def forward(self, x):
        x = x + self.att(self.ln1(x))
        return x + self.fc2(F.gelu(self.fc1(self.ln2(x))))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(V, D), nn.Embedding(T, D)
        self.blocks = nn.Sequential(Block(), Block())
        self.ln = nn.LayerNorm(D)
        self.head = nn.Linear(D, V)
        # FINE tied: the output layer shares the embedding
        #: self.head = nn.Linear(D, V, bias=False)
        #: nn.init.normal_(self.tok.weight, std=0.1)
        #: self.head.weight = self.tok.weight

    def forward(self, idx):
        x = self.tok(idx) + self.pos(torch.arange(idx.shape[1], device=idx.device))
        return self.head(self.ln(self.blocks(x)))


def loss_fn(model, batch):
    x, y = batch[:, :-1], batch[:, 1:]
    logits = model(x)
    return F.cross_entropy(logits.flatten(0, 1), y.flatten())
    # BUG classdim: view-instead-of-permute, shuffled-labels
    #: return F.cross_entropy(logits.view(len(x), V, -1), y)
    # FINE classfirst: cross entropy with the class axis moved to the second place
    #: return F.cross_entropy(logits.movedim(-1, 1), y)


def make_model():
    return GPT()


def make_optimizer(model):
    decay = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    return torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}], lr=3e-3
    )


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad(set_to_none=True)
    loss = loss_fn(model, batch)
    loss.backward()
    # FINE micro 2: two halves accumulate into one gradient
    #: loss = 0.0
    #: for part in batch.chunk(2):
    #:     share = loss_fn(model, part) * len(part) / len(batch)
    #:     share.backward()
    #:     loss = loss + share.detach()
    nn.utils.clip_grad_norm_(model.parameters(), 0.25)
    optimizer.step()
    # BUG clipafter 2: clip-misorder
    #: optimizer.step()
    #: nn.utils.clip_grad_norm_(model.parameters(), 0.25)
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    mean = sum(loss_fn(model, b).item() for b in batches) / len(batches)
    model.train()
    return mean


batch = stream(14, 0)
val_batches = [stream(14, 5), stream(14, 6)]
