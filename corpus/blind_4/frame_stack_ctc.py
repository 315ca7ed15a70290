"""Speech-like CTC: neighbouring frames are stacked by a reshape (T, C) -> (T/2, 2C); lengths are halved with them."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(18)
sound = torch.randn(5, 8, generator=g)


def draw(n=8, t=16):
    x = 0.3 * torch.randn(n, t, 8, generator=g)
    target = torch.zeros(n, 3, dtype=torch.long)
    size = torch.randint(2, 4, (n,), generator=g)
    for i in range(n):
        word = torch.randint(1, 5, (int(size[i]),), generator=g)
        target[i, : len(word)] = word
        for j, s in enumerate(word.tolist()):
            x[i, 5 * j : 5 * j + 3] += 2 * sound[s]
    frames = 5 * size + 1 - size % 2  # even, covers all symbols
    frames = frames + frames % 2
    x = x * (torch.arange(t) < frames[:, None])[..., None]
    return x, frames.clamp(max=t), target, size


batch = draw()
val_batches = [draw(), draw()]


class Acoustic(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(
            16, 32, batch_first=True
        )  # left to right, so padding at the end is harmless
        self.out = nn.Linear(32, 5)

    def forward(self, x):
        n, t, c = x.shape
        h, _ = self.rnn(x.reshape(n, t // 2, 2 * c))
        return self.out(h).log_softmax(-1)


def make_model():
    return Acoustic()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def loss_fn(model, batch):
    x, frames, target, size = batch
    logp = model(x).transpose(0, 1)  # CTC wants (T, N, V)
    return F.ctc_loss(logp, target, frames // 2, size, blank=0, zero_infinity=True)


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    exact = total = 0
    for x, frames, target, size in batches:
        best = model(x).argmax(-1)
        for row, f, tgt, s in zip(best, frames, target, size):
            row = torch.unique_consecutive(row[: f // 2])
            exact += row[row != 0].tolist() == tgt[:s].tolist()
            total += 1
    return exact / total
