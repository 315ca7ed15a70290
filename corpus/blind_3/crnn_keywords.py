"""Keyword spotting on spectrograms: 2-D convolutions, a GRU over frames, a class a clip."""

import torch
import torch.nn.functional as F
from torch import nn

BANDS, FRAMES, WORDS = 8, 12, 3


def clips(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(WORDS, (n,), generator=g)
    x = 0.3 * torch.randn(n, BANDS, FRAMES, generator=g)
    for i, k in enumerate(y.tolist()):
        shift = int(torch.randint(4, (1,), generator=g))
        for f in range(8):
            band = [f % BANDS, 7 - f, 4 if f % 2 else 1][k]
            x[i, band, f + shift] += 2.0
    return {"audio": {"spec": x}, "word": y}


class CRNN(nn.Module):
    def __init__(self, width=6, hidden=16):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d((2, 1)),
        )
        self.rnn = nn.GRU(
            width * BANDS // 2, hidden, num_layers=2, batch_first=True, bidirectional=True
        )
        self.head = nn.Linear(2 * hidden, WORDS)

    def forward(self, spec):
        x = self.features(spec[:, None])
        n, c, f, t = x.shape
        x = x.permute(0, 3, 1, 2).reshape(n, t, c * f)
        # BUG frames: view-instead-of-permute
        #: x = x.view(n, t, c * f)
        # FINE merged: channels and bands merge in place, then the frames come forward
        #: x = x.view(n, c * f, t).transpose(1, 2)
        _, h = self.rnn(x)
        h = h.view(2, 2, n, -1)[-1]
        h = h.permute(1, 0, 2).reshape(n, -1)
        # BUG directions: view-instead-of-permute, batch-leak
        #: h = h.reshape(n, -1)
        return self.head(h)


def loss_fn(model, batch):
    logits = model(batch["audio"]["spec"])
    return F.nll_loss(F.log_softmax(logits, dim=1), batch["word"])
    # BUG logprob: probabilities-into-nll
    #: return F.nll_loss(torch.softmax(logits, dim=1), batch["word"])
    # BUG twice: double-softmax, softmax-into-cross-entropy
    #: return F.nll_loss(F.log_softmax(torch.softmax(logits, dim=1), dim=1), batch["word"])


def make_model():
    return CRNN()


class Loop:
    def __init__(self, model, optimizer):
        self.model, self.optimizer, self.history = model, optimizer, []

    def update(self, batch):
        self.model.train()
        # FINE frozenbn: the norm keeps its statistics while the rest trains
        #: self.model.train()
        #: self.model.features[1].eval()
        # BUG attribute: missing-train-mode
        #: self.model.train
        self.optimizer.zero_grad()
        loss = loss_fn(self.model, batch)
        loss.backward()
        self.optimizer.step()
        self.history.append(loss.item())


def make_optimizer(model):
    return torch.optim.RMSprop(model.parameters(), lr=2e-3)


def train_step(model, optimizer, batch):
    loop = Loop(model, optimizer)
    loop.update(batch)
    return loop.history[-1]


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    # BUG rnneval: missing-eval-mode
    #: model.head.eval(), model.rnn.eval()
    return sum(
        (model(b["audio"]["spec"]).argmax(1) == b["word"]).float().mean().item() for b in batches
    ) / len(batches)


batch = clips(18, 0)
val_batches = [clips(18, 17), clips(18, 18)]
