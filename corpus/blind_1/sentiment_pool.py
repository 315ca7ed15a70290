"""Sentiment from masked mean pooling over a transformer encoder layer."""

import torch
from torch import nn
from torch.nn import functional as F


class Sentiment(nn.Module):
    def __init__(self, vocab=40, width=16, heads=2):
        super().__init__()
        self.heads = heads
        self.embed = nn.Embedding(vocab, width)
        self.place = nn.Parameter(0.02 * torch.randn(8, width))
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(width, 3)

    def attend(self, x, mask):
        n, t, c = x.shape
        q, k, v = self.qkv(x).reshape(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        # BUG triple: view-instead-of-permute
        #: q, k, v = self.qkv(x).reshape(n, 3, self.heads, t, -1).unbind(1)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        # BUG all-tokens: padding-leak
        #: out = F.scaled_dot_product_attention(q, k, v)
        return self.mix(out.transpose(1, 2).reshape(n, t, c))

    def forward(self, tokens, mask):
        x = self.embed(tokens) + self.place[: tokens.shape[1]]
        x = self.norm(x + self.drop(self.attend(x, mask)))
        weight = mask.float().unsqueeze(-1)
        pooled = (x * weight).sum(1) / weight.sum(1)
        # BUG mean-pads: padding-leak
        #: pooled = x.mean(1)
        return self.head(pooled)


def reviews(seed, n=12, t=8):
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, t + 1, (n,), generator=g)
    mask = torch.arange(t)[None] < lengths[:, None]
    tokens = torch.randint(1, 40, (n, t), generator=g) * mask
    return {"tokens": tokens, "mask": mask, "label": tokens[:, 0] % 3}


batch = reviews(0)
train_batches = [reviews(0), reviews(1)]
val_batches = [reviews(90)]


def make_model():
    return Sentiment()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    logits = model(batch["tokens"], batch["mask"])
    return F.cross_entropy(logits, batch["label"], label_smoothing=0.05)
    # BUG probs: softmax-into-cross-entropy, double-softmax
    #: return F.cross_entropy(F.softmax(logits, -1).clamp(1e-6, 1), batch["label"])


def train_step(model, optimizer, batch):
    model.train()
    # BUG never: missing-train-mode
    #: model.head.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    # BUG submodule: missing-eval-mode
    #: model.head.eval()
    with torch.no_grad():
        hits = [
            (model(b["tokens"], b["mask"]).argmax(1) == b["label"]).float().mean() for b in batches
        ]
    return torch.stack(hits).mean().item()
