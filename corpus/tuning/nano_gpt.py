"""A GPT with fused attention."""

import torch
from torch import nn
from torch.nn import functional as F


class Config:
    vocab = 16
    block = 8
    width = 24
    heads = 3
    layers = 2
    dropout = 0.1


class SelfAttention(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.c_attn = nn.Linear(cfg.width, 3 * cfg.width)
        self.c_proj = nn.Linear(cfg.width, cfg.width)

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(C, dim=2)
        k = k.view(B, T, self.cfg.heads, C // self.cfg.heads).transpose(1, 2)
        q = q.view(B, T, self.cfg.heads, C // self.cfg.heads).transpose(1, 2)
        v = v.view(B, T, self.cfg.heads, C // self.cfg.heads).transpose(1, 2)
        # BUG heads: view-instead-of-permute
        #: v = v.reshape(B, self.cfg.heads, T, C // self.cfg.heads)
        p = self.cfg.dropout if self.training else 0.0
        # BUG sdpa-dropout: missing-eval-mode
        #: p = self.cfg.dropout
        y = F.scaled_dot_product_attention(
            q, k, v, dropout_p=p, is_causal=True
        )  # ALSO sdpa-dropout
        # BUG bidirectional: causal-leak
        #: y = F.scaled_dot_product_attention(q, k, v, dropout_p=p)
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        # BUG merge: view-instead-of-permute
        #: y = y.contiguous().view(B, T, C)
        return self.c_proj(y)


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.ln_1 = nn.LayerNorm(cfg.width)
        self.attn = SelfAttention(cfg)
        self.ln_2 = nn.LayerNorm(cfg.width)
        self.mlp = nn.Sequential(
            nn.Linear(cfg.width, 2 * cfg.width), nn.GELU(), nn.Linear(2 * cfg.width, cfg.width)
        )

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        x = x + self.mlp(self.ln_2(x))
        return x


class GPT(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.wte = nn.Embedding(cfg.vocab, cfg.width)
        self.wpe = nn.Embedding(cfg.block, cfg.width)
        self.h = nn.ModuleDict({f"h{i}": Block(cfg) for i in range(cfg.layers)})
        # BUG dict: unregistered-parameters, optimizer-misses-parameters
        #: self.h = {f"h{i}": Block(cfg) for i in range(cfg.layers)}
        self.ln_f = nn.LayerNorm(cfg.width)
        self.lm_head = nn.Linear(cfg.width, cfg.vocab, bias=False)

    def forward(self, idx):
        x = self.wte(idx) + self.wpe(torch.arange(idx.size(1)))
        for block in self.h.values():
            x = block(x)
        return self.lm_head(self.ln_f(x))


def tokens(seed, n=8):
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(0, 16, (n, 1), generator=g)
    jump = torch.randint(1, 3, (n, 1), generator=g)
    sequence = (start + jump * torch.arange(9)) % 16
    return {"input_ids": sequence[:, :-1], "labels": sequence[:, 1:]}
    # BUG unshifted: labels-not-shifted
    #: return {"input_ids": sequence[:, :-1], "labels": sequence[:, :-1]}


batch = tokens(0)
train_batches = [tokens(0), tokens(1)]
val_batches = [tokens(20)]


def make_model():
    return GPT(Config())


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95))


def loss_fn(model, batch):
    logits = model(batch["input_ids"])
    return F.cross_entropy(logits.view(-1, logits.size(-1)), batch["labels"].reshape(-1))


def train_step(model, optimizer, batch):
    model.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    # BUG clip-first: clip-misorder
    optimizer.step()
    # BUG clip-first 0: clip-misorder
    #: nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    loss = sum(loss_fn(model, b).item() for b in batches) / len(batches)
    model.train()
    return loss
