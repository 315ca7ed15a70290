"""Reading short digit lines with CTC: columns of a line image go through a 1-D CNN and a GRU."""

import torch
import torch.nn.functional as F
from torch import nn

HEIGHT, STEPS, DIGITS, WORD = 6, 15, 4, 3
GLYPHS = torch.tensor(
    [[2, 2, 0, 0, -1, 0], [0, 0, 2, 2, 0, -1], [-1, 0, 0, 2, 2, 0], [2, -1, 2, 0, 0, 2]]
).float()


def lines(n, seed):
    g = torch.Generator().manual_seed(seed)
    word = torch.randint(DIGITS, (n, WORD), generator=g)
    x = 0.2 * torch.randn(n, STEPS, HEIGHT, generator=g)
    for i in range(n):
        for j in range(WORD):
            at = 5 * j + int(torch.randint(2, (1,), generator=g))
            x[i, at : at + 3] += GLYPHS[word[i, j]]
    return {"columns": x, "word": word + 1}  # 0 is the blank


class Reader(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.conv = nn.Conv1d(HEIGHT, width, 3, padding=1, bias=False)
        # BUG convbias: bias-before-batchnorm
        #: self.conv = nn.Conv1d(HEIGHT, width, 3, padding=1, bias=True)
        self.bn = nn.BatchNorm1d(width)
        self.drop = nn.Dropout(0.1)
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * width, DIGITS + 1)

    def forward(self, columns):
        h = F.relu(self.bn(self.conv(columns.mT))).mT
        # BUG convview: view-instead-of-permute
        #: h = F.relu(self.bn(self.conv(columns.mT))).view(len(columns), STEPS, -1)
        h, _ = self.gru(self.drop(h))
        return self.out(h)  # (batch, time, classes)


def loss_fn(model, batch):
    logits = model(batch["columns"])
    n, t, c = logits.shape
    log_probs = logits.log_softmax(-1).permute(1, 0, 2)
    # FINE stacked: the examples side by side on the second axis
    #: log_probs = torch.stack(list(logits.log_softmax(-1)), dim=1)
    # BUG timeview: view-instead-of-permute, batch-leak, shuffled-labels
    #: log_probs = logits.log_softmax(-1).view(t, n, c)
    # BUG raw: logits-into-nll
    #: log_probs = logits.permute(1, 0, 2)
    return F.ctc_loss(  # ALSO raw
        log_probs,
        batch["word"],
        torch.full((n,), t, dtype=torch.long),
        torch.full((n,), WORD, dtype=torch.long),
    )


def make_model():
    return Reader()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def train_step(model, optimizer, batch):
    model.train()
    losses = 0.0
    optimizer.zero_grad()
    # BUG nozero: missing-zero-grad
    half = len(batch["word"]) // 2
    for part in (slice(0, half), slice(half, None)):
        small = {k: v[part] for k, v in batch.items()}
        loss = loss_fn(model, small) * len(small["word"]) / len(batch["word"])
        loss.backward()
        losses += loss.item()
    optimizer.step()
    return losses


def evaluate(model, batches):
    model.eval()
    # BUG onlygru: missing-eval-mode
    #: model.gru.eval()
    exact = total = 0
    with torch.no_grad():
        for b in batches:
            for path, word in zip(model(b["columns"]).argmax(-1), b["word"]):
                best = torch.unique_consecutive(path)
                exact += torch.equal(best[best > 0], word)
                total += 1
    return exact / total


batch = lines(16, 0)
val_batches = [lines(16, 33), lines(16, 34)]
