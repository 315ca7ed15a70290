"""Phones from filter banks with CTC; a GRU over a strided convolution."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SYMBOLS, BLANK = 6, 0


class Recogniser(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(8, 16, 3, padding=1)
        self.gru = nn.GRU(16, 16, bidirectional=True, batch_first=True)
        # BUG time-first: batch-leak
        #: self.gru = nn.GRU(16, 16, bidirectional=True)
        self.fc = nn.Linear(32, SYMBOLS)

    def forward(self, banks):
        h = F.relu(self.conv(banks.transpose(1, 2))).transpose(1, 2)
        h, _ = self.gru(h)
        return F.log_softmax(self.fc(h), dim=-1)
        # BUG no-log-softmax: logits-into-nll
        #: return self.fc(h)
        # BUG softmax-only: probabilities-into-nll
        #: return F.softmax(self.fc(h), dim=-1)
        # BUG over-time: wrong-softmax-dim
        #: return F.log_softmax(self.fc(h), dim=1)


def utterances(seed, n=8, t=12, length=4):
    g = torch.Generator().manual_seed(seed)
    targets = torch.randint(1, SYMBOLS, (n, length), generator=g)
    banks = 0.3 * torch.randn(n, t, 8, generator=g)
    for i in range(n):
        for k in range(length):
            banks[i, 3 * k : 3 * k + 2, targets[i, k]] += 2.0
    return {"banks": banks, "targets": targets}


batch = utterances(0)
train_batches = [utterances(0), utterances(1)]
val_batches = [utterances(17)]


def make_model():
    return Recogniser()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, b):
    scores = model(b["banks"])
    n, t, c = scores.shape
    frames = torch.full((n,), t)
    symbols = torch.full((n,), b["targets"].shape[1])
    return F.ctc_loss(
        scores.transpose(0, 1), b["targets"], frames, symbols, BLANK
    )  # ALSO no-log-softmax softmax-only
    # BUG frames-view: view-instead-of-permute
    #: return F.ctc_loss(scores.view(t, n, c), b["targets"], frames, symbols, BLANK)
    # FINE contiguous: permuted and copied
    #: scores = scores.permute(1, 0, 2).contiguous()
    #: return nn.CTCLoss(blank=BLANK)(scores, b["targets"], frames, symbols)
    # FINE merged-targets: the targets of the batch in one row
    #: return F.ctc_loss(scores.transpose(0, 1), b["targets"].flatten(), frames, symbols, BLANK)


@torch.no_grad()
def evaluate(model, batches):
    return -sum(loss_fn(model, b).item() for b in batches) / len(batches)
