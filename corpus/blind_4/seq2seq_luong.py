"""GRU encoder-decoder with attention that reverses digit strings (time-major, as in the tutorials)."""

import torch
import torch.nn as nn
import torch.nn.functional as F

PAD, SOS, EOS, N_TOKENS = 0, 1, 2, 12
HIDDEN = 32


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(N_TOKENS, HIDDEN, padding_idx=PAD)
        self.gru = nn.GRU(HIDDEN, HIDDEN)

    def forward(self, src):
        return self.gru(self.embedding(src))


class Attn(nn.Module):
    def __init__(self):
        super().__init__()
        self.W = nn.Linear(HIDDEN, HIDDEN)

    def forward(self, dec_out, enc_out, src_mask):
        # dec_out: T x B x H, enc_out: S x B x H
        scores = torch.einsum("tbh,sbh->tbs", dec_out, self.W(enc_out))
        scores = scores.masked_fill(~src_mask.t().unsqueeze(0), -1e9)
        weights = F.softmax(scores, dim=2)
        # BUG dim1: wrong-softmax-dim, batch-leak
        #: weights = F.softmax(scores, dim=1)
        return torch.einsum("tbs,sbh->tbh", weights, enc_out)


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.embedding = nn.Embedding(N_TOKENS, HIDDEN, padding_idx=PAD)
        self.gru = nn.GRU(HIDDEN, HIDDEN)
        self.attn = Attn()
        self.concat = nn.Linear(2 * HIDDEN, HIDDEN)
        self.out = nn.Linear(HIDDEN, N_TOKENS)

    def forward(self, src, tgt_in):
        lengths = (src != PAD).sum(0)
        enc_out, _ = self.encoder(src)
        hidden = enc_out[lengths - 1, torch.arange(src.size(1))].unsqueeze(0)
        dec_out, _ = self.gru(self.embedding(tgt_in), hidden)
        context = self.attn(dec_out, enc_out, src != PAD)
        joined = torch.tanh(self.concat(torch.cat((dec_out, context), dim=2)))
        return F.log_softmax(self.out(joined), dim=2)
        # BUG raw: logits-into-nll
        #: return self.out(joined)  #!
        # BUG probs: probabilities-into-nll
        #: return F.softmax(self.out(joined), dim=2)  #!


def pairs(n, seed, longest=7):
    g = torch.Generator().manual_seed(seed)
    src = torch.zeros(longest, n, dtype=torch.long)
    tgt = torch.zeros(longest + 2, n, dtype=torch.long)
    for i in range(n):
        size = longest if i == 0 else int(torch.randint(4, longest + 1, (1,), generator=g))
        word = torch.randint(3, N_TOKENS, (size,), generator=g)
        src[:size, i] = word
        tgt[: size + 2, i] = torch.cat([torch.tensor([SOS]), word.flip(0), torch.tensor([EOS])])
    return {"src": src.t().contiguous(), "tgt": tgt.t().contiguous()}


batch = pairs(16, 0)
val_batches = [pairs(16, 1), pairs(16, 2)]


def make_model():
    return Seq2Seq()


def loss_fn(model, batch):
    src, tgt = batch["src"].t(), batch["tgt"].t()
    # BUG viewed: view-instead-of-permute, batch-leak
    #: src, tgt = batch["src"].view(batch["src"].size(1), -1), batch["tgt"].t()
    logp = model(src, tgt[:-1])
    return F.nll_loss(
        logp.reshape(-1, N_TOKENS), tgt[1:].reshape(-1), ignore_index=PAD
    )  # ALSO raw, probs
    # FINE class-axis: the classes on axis 1, as nll_loss wants them
    #: return F.nll_loss(logp.permute(1, 2, 0), tgt[1:].t(), ignore_index=PAD)


def make_optimizer(model):
    groups = [
        {"params": model.encoder.parameters(), "lr": 5e-3},
        {"params": [p for n, p in model.named_parameters() if not n.startswith("encoder.")]},
    ]
    return torch.optim.Adam(groups, lr=1e-2)


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    # BUG encoder-only: missing-zero-grad
    #: model.encoder.zero_grad()
    return loss.item()


def evaluate(model, batches):
    right = total = 0
    with torch.no_grad():
        for b in batches:
            src, tgt = b["src"].t(), b["tgt"].t()
            pred = model(src, tgt[:-1]).argmax(-1)
            real = tgt[1:] != PAD
            right += int(((pred == tgt[1:]) & real).sum())
            total += int(real.sum())
    return right / total
