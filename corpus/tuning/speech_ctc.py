"""Connectionist temporal classification on short recordings."""

import torch
from torch import nn
from torch.nn import functional as F


class Recogniser(nn.Module):
    def __init__(self, bands=6, symbols=5):
        super().__init__()
        self.rnn = nn.LSTM(bands, 16, batch_first=True, bidirectional=True)
        self.out = nn.Linear(32, symbols)

    def forward(self, sound):
        states, _ = self.rnn(sound)
        return self.out(states).transpose(0, 1).log_softmax(-1)
        # BUG major: view-instead-of-permute
        #: logits = self.out(states)
        #: return logits.view(logits.size(1), logits.size(0), -1).log_softmax(-1)  #!
        # BUG raw: logits-into-nll
        #: return self.out(states).transpose(0, 1)
        # BUG probs: probabilities-into-nll
        #: return self.out(states).transpose(0, 1).softmax(-1)


def recordings(seed, n=8):
    g = torch.Generator().manual_seed(seed)
    text = torch.randint(1, 5, (n, 3), generator=g)
    sound = 0.3 * torch.randn(n, 9, 6, generator=g)
    sound[:, :, :5] += F.one_hot(text.repeat_interleave(3, 1), 5)
    return {"sound": sound, "text": text}


batch = recordings(0)
train_batches = [recordings(0), recordings(1)]


def make_model():
    return Recogniser()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    log_probs = model(batch["sound"])
    steps, n, _ = log_probs.shape
    return F.ctc_loss(
        log_probs, batch["text"], torch.full((n,), steps), torch.full((n,), 3)
    )  # ALSO raw


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()
