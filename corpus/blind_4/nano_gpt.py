"""Character model in the style of nanoGPT, on text from a small grammar."""

import math

import torch
import torch.nn as nn
from torch.nn import functional as F

VOCAB, BLOCK, N_EMBD, N_HEAD = 20, 24, 32, 4


class CausalSelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.c_attn = nn.Linear(N_EMBD, 3 * N_EMBD)
        self.c_proj = nn.Linear(N_EMBD, N_EMBD)
        self.attn_dropout = nn.Dropout(0.1)
        self.resid_dropout = nn.Dropout(0.1)
        self.register_buffer("bias", torch.tril(torch.ones(BLOCK, BLOCK)).view(1, 1, BLOCK, BLOCK))
        # BUG triu: causal-leak
        #: self.register_buffer("bias", torch.triu(torch.ones(BLOCK, BLOCK)).view(1, 1, BLOCK, BLOCK))  #!

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(N_EMBD, dim=2)
        k = k.view(B, T, N_HEAD, C // N_HEAD).transpose(1, 2)
        q = q.view(B, T, N_HEAD, C // N_HEAD).transpose(1, 2)
        v = v.view(B, T, N_HEAD, C // N_HEAD).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
        att = F.softmax(att, dim=-1)
        att = self.attn_dropout(att)
        y = att @ v
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        # BUG merge-heads: view-instead-of-permute, causal-leak
        #: y = y.contiguous().view(B, T, C)
        return self.resid_dropout(self.c_proj(y))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1 = nn.LayerNorm(N_EMBD)
        self.attn = CausalSelfAttention()
        self.ln_2 = nn.LayerNorm(N_EMBD)
        self.mlp = nn.ModuleDict(
            dict(
                c_fc=nn.Linear(N_EMBD, 4 * N_EMBD),
                act=nn.GELU(),
                c_proj=nn.Linear(4 * N_EMBD, N_EMBD),
                dropout=nn.Dropout(0.1),
            )
        )

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        m = self.mlp
        return x + m.dropout(m.c_proj(m.act(m.c_fc(self.ln_2(x)))))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(VOCAB, N_EMBD)
        self.wpe = nn.Embedding(BLOCK, N_EMBD)
        self.drop = nn.Dropout(0.1)
        self.h = nn.ModuleList([Block() for _ in range(2)])
        self.ln_f = nn.LayerNorm(N_EMBD)
        self.lm_head = nn.Linear(N_EMBD, VOCAB, bias=False)
        self.wte.weight = self.lm_head.weight
        # FINE untied: an output layer of its own, without bias as usual
        #: pass
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, mean=0.0, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, mean=0.0, std=0.02)

    def forward(self, idx, targets=None):
        pos = torch.arange(idx.size(1), device=idx.device)
        x = self.drop(self.wte(idx) + self.wpe(pos))
        for block in self.h:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))
        if targets is None:
            return logits, None
        loss = F.cross_entropy(
            logits.view(-1, logits.size(-1)), targets.reshape(-1), ignore_index=-1
        )
        # BUG softmaxed: softmax-into-cross-entropy, double-softmax
        #: probs = F.softmax(logits, dim=-1)  #!
        #: loss = F.cross_entropy(probs.view(-1, probs.size(-1)), targets.reshape(-1), ignore_index=-1)  #!
        return logits, loss


def text(n, seed):
    """Walks of a noisy successor table."""
    g = torch.Generator().manual_seed(seed)
    table = torch.randperm(VOCAB, generator=torch.Generator().manual_seed(99))
    rows = [torch.randint(0, VOCAB, (n,), generator=g)]
    for _ in range(BLOCK):
        jump = torch.rand(n, generator=g) < 0.15
        rows.append(torch.where(jump, torch.randint(0, VOCAB, (n,), generator=g), table[rows[-1]]))
    data = torch.stack(rows, dim=1)
    x, y = data[:, :-1], data[:, 1:]
    # BUG same: labels-not-shifted
    #: x, y = data[:, :-1], data[:, :-1]
    return {"x": x.contiguous(), "y": y.contiguous()}


batch = text(16, 0)
val_batches = [text(16, 5), text(16, 6)]


def make_model():
    return GPT()


def loss_fn(model, batch):
    _, loss = model(batch["x"], batch["y"])
    return loss


def make_optimizer(model):
    decay = [p for p in model.parameters() if p.dim() >= 2]
    nodecay = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": decay, "weight_decay": 0.1}, {"params": nodecay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=3e-3, betas=(0.9, 0.95))


def train_step(model, optimizer, batch, grad_accum=2):
    model.train()
    micro = [{k: v[i::grad_accum] for k, v in batch.items()} for i in range(grad_accum)]
    for part in micro:
        loss = loss_fn(model, part) / grad_accum
        loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    # BUG keep-grads: missing-zero-grad
    # BUG zero-local: missing-zero-grad
    #: for p in model.parameters():
    #:     grad = p.grad
    #:     grad = None


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    # BUG half-eval: missing-eval-mode
    #: model.lm_head.eval()  #!
    losses = [loss_fn(model, b).item() for b in batches]
    model.train()
    return sum(losses) / len(losses)
