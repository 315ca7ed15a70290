"""Masked-token pretraining of a little BERT. The pooler comes with the encoder and is idle here."""

import torch
import torch.nn.functional as F
from torch import nn

VOCAB, LEN, DIM, MASK, PAD = 14, 12, 32, 1, 0
rng = torch.Generator().manual_seed(1810)


def sentences(n=16):
    a = torch.randint(0, 12, (n, 1), generator=rng)
    ids = 2 + (a + 5 * torch.arange(LEN)) % 12
    length = torch.randint(8, LEN + 1, (n, 1), generator=rng)
    attention = torch.arange(LEN) < length
    ids = torch.where(attention, ids, PAD)
    asked = (torch.rand(n, LEN, generator=rng) < 0.25) & attention
    asked[:, 3] = True
    return {
        "input": torch.where(asked, MASK, ids),
        "attention": attention,
        "asked": asked,
        "ids": ids,
    }


train_batches = [sentences() for _ in range(8)]
batch = train_batches[0]
val_batches = [sentences(32)]


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(DIM, DIM) for _ in range(3))
        self.dense, self.norm = nn.Linear(DIM, DIM), nn.LayerNorm(DIM)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x, attention):
        heads = [
            f(x).unflatten(-1, (4, -1)).transpose(1, 2) for f in (self.query, self.key, self.value)
        ]
        y = F.scaled_dot_product_attention(*heads, attn_mask=attention[:, None, None, :])
        y = self.dropout(self.dense(y.transpose(1, 2).flatten(2)))
        # BUG built-there: missing-eval-mode
        #: y = nn.Dropout(0.1)(self.dense(y.transpose(1, 2).flatten(2)))
        return self.norm(x + y)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = SelfAttention()
        self.wide, self.narrow = nn.Linear(DIM, 96), nn.Linear(96, DIM)
        self.norm = nn.LayerNorm(DIM)

    def forward(self, x, attention):
        x = self.attention(x, attention)
        return self.norm(x + self.narrow(F.gelu(self.wide(x))))


class Pooler(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(DIM, DIM)

    def forward(self, hidden):
        return torch.tanh(self.dense(hidden[:, 0]))


class Encoder(nn.Module):
    def __init__(self, depth=2):
        super().__init__()
        self.word = nn.Embedding(VOCAB, DIM, padding_idx=PAD)
        self.place = nn.Embedding(LEN, DIM)
        self.norm, self.dropout = nn.LayerNorm(DIM), nn.Dropout(0.1)
        self.layers = nn.ModuleList(Layer() for _ in range(depth))
        self.pooler = Pooler()

    def forward(self, ids, attention):
        x = self.dropout(self.norm(self.word(ids) + self.place.weight))
        for layer in self.layers:
            x = layer(x, attention)
        return x, self.pooler(x)


class MaskedLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.transform = nn.Sequential(nn.Linear(DIM, DIM), nn.GELU(), nn.LayerNorm(DIM))
        self.bias = nn.Parameter(torch.zeros(VOCAB))

    def forward(self, ids, attention):
        hidden, _ = self.encoder(ids, attention)
        return self.transform(hidden) @ self.encoder.word.weight.T / DIM**0.5 + self.bias


def make_model():
    return MaskedLM()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3)


def loss_fn(model, batch):
    logits = model(batch["input"], batch["attention"])
    return F.cross_entropy(logits[batch["asked"]], batch["ids"][batch["asked"]])


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        hits = [
            (model(b["input"], b["attention"]).argmax(-1) == b["ids"])[b["asked"]]
            .float()
            .mean()
            .item()
            for b in batches
        ]
    model.train()
    return sum(hits) / len(hits)
