"""CTC over time-major log-probabilities."""

import torch
from torch import nn
from torch.nn import functional as F


class Speech(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(6, 16, 3, padding=1)
        self.rnn = nn.GRU(16, 16, bidirectional=True)
        self.out = nn.Linear(32, 5)

    def forward(self, frames):
        x = F.relu(self.conv(frames.transpose(1, 2)))
        x, _ = self.rnn(x.permute(2, 0, 1))
        return self.out(x).log_softmax(-1)


def make_batch(generator):
    labels = torch.randint(1, 5, (8, 3), generator=generator)
    frames = 0.3 * torch.randn(8, 12, 6, generator=generator)
    frames[:, :, :5] += F.one_hot(labels.repeat_interleave(4, 1), 5)
    return {
        "frames": frames,
        "labels": labels,
        "input_lengths": torch.full((8,), 12),
        "label_lengths": torch.full((8,), 3),
    }


def make_model():
    return Speech()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    return F.ctc_loss(
        model(batch["frames"]), batch["labels"], batch["input_lengths"], batch["label_lengths"]
    )
