"""Token tagging with a small pre-norm transformer, in the manner of a Hugging Face script."""

from collections import OrderedDict

import torch
import torch.nn as nn
import torch.nn.functional as F

VOCAB, TAGS, PAD, MAXLEN = 30, 4, 0, 16


class EncoderLayer(nn.Module):
    def __init__(self, hidden, heads, dropout=0.1):
        super().__init__()
        self.attention = nn.MultiheadAttention(hidden, heads, dropout=dropout, batch_first=True)
        self.ln1 = nn.LayerNorm(hidden)
        self.ln2 = nn.LayerNorm(hidden)
        self.mlp = nn.Sequential(
            OrderedDict(
                fc=nn.Linear(hidden, 2 * hidden), act=nn.GELU(), proj=nn.Linear(2 * hidden, hidden)
            )
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, attention_mask):
        h = self.ln1(x)
        h, _ = self.attention(h, h, h, key_padding_mask=attention_mask == 0, need_weights=False)
        # BUG unmasked: padding-leak
        #: h, _ = self.attention(h, h, h, need_weights=False)
        x = x + self.dropout(h)
        return x + self.dropout(self.mlp(self.ln2(x)))


class TokenClassifier(nn.Module):
    def __init__(self, hidden=32, layers=2):
        super().__init__()
        self.embeddings = nn.Embedding(VOCAB, hidden, padding_idx=PAD)
        self.positions = nn.Embedding(MAXLEN, hidden)
        self.encoder = nn.ModuleList([EncoderLayer(hidden, 4) for _ in range(layers)])
        self.norm = nn.LayerNorm(hidden)
        self.classifier = nn.Linear(hidden, TAGS)

    def forward(self, input_ids, attention_mask, labels=None):
        x = self.embeddings(input_ids) + self.positions.weight[: input_ids.size(1)]
        for layer in self.encoder:
            x = layer(x, attention_mask)
        logits = self.classifier(self.norm(x))
        # BUG scored: softmax-into-cross-entropy, double-softmax
        #: logits = self.classifier(self.norm(x))
        #: logits = torch.exp(logits) / torch.exp(logits).sum(-1, keepdim=True)  #!
        out = {"logits": logits}
        if labels is not None:
            out["loss"] = F.cross_entropy(
                logits.flatten(0, 1), labels.flatten(), ignore_index=-100
            )  # ALSO scored
            # BUG twice: double-softmax, softmax-into-cross-entropy
            #: probs = torch.softmax(logits, dim=-1)
            #: logp = torch.log_softmax(probs, dim=-1)  #!
            #: out["loss"] = F.nll_loss(logp.flatten(0, 1), labels.flatten(), ignore_index=-100)  #!
            # FINE log-of-softmax: logarithms of probabilities
            #: logp = torch.softmax(logits, dim=-1).clamp_min(1e-9).log()
            #: out["loss"] = F.nll_loss(logp.flatten(0, 1), labels.flatten(), ignore_index=-100)
        return out


def sentences(n, seed, length=12):
    """The tag depends on the word and on the word before it."""
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, VOCAB, (n, length), generator=g)
    previous = torch.cat([torch.zeros(n, 1, dtype=torch.long), ids[:, :-1]], 1)
    labels = 2 * (ids % 2) + (previous > VOCAB // 2).long()
    sizes = torch.randint(6, length + 1, (n, 1), generator=g)
    sizes[0] = length
    mask = (torch.arange(length) < sizes).long()
    return {
        "input_ids": ids * mask,
        "attention_mask": mask,
        "labels": labels.masked_fill(mask == 0, -100),
    }


batch = sentences(16, 0)
val_batches = [sentences(16, 1), sentences(16, 2)]


def make_model():
    return TokenClassifier()


def loss_fn(model, batch):
    return model(**batch)["loss"]


def make_optimizer(model):
    no_decay = ("bias", "norm.weight", "ln1.weight", "ln2.weight")
    named = list(model.named_parameters())
    return torch.optim.AdamW(
        [
            {"params": [p for n, p in named if not n.endswith(no_decay)], "weight_decay": 0.01},
            {"params": [p for n, p in named if n.endswith(no_decay)], "weight_decay": 0.0},
        ],
        lr=3e-3,
    )


def train_step(model, optimizer, batch):
    model.train()
    # BUG head-only: missing-train-mode
    #: model.classifier.train()
    outputs = model(**batch)
    loss = outputs["loss"]
    # BUG item: no-single-batch-overfit, detached-graph
    #: loss = torch.tensor(outputs["loss"].item(), requires_grad=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    model.zero_grad()
    # BUG after-if: missing-zero-grad
    #: if loss.isnan():
    #:     model.zero_grad()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    # BUG training: missing-eval-mode
    #: for layer in model.encoder:
    #:     layer.mlp.eval()
    right = total = 0
    for b in batches:
        pred = model(b["input_ids"], b["attention_mask"])["logits"].argmax(-1)
        real = b["labels"] != -100
        right += (pred == b["labels"])[real].sum().item()
        total += real.sum().item()
    return right / total
