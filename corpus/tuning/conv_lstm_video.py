"""ConvLSTM next-frame prediction with teacher forcing."""

import torch
from torch import nn


class ConvLSTM(nn.Module):
    def __init__(self, c=8):
        super().__init__()
        self.c = c
        self.gates = nn.Conv2d(1 + c, 4 * c, 3, padding=1)
        self.out = nn.Conv2d(c, 1, 1)

    def forward(self, video):
        n, t, _, height, width = video.shape
        h = cell = video.new_zeros(n, self.c, height, width)
        frames = []
        for frame in video.unbind(1):
            i, f, o, g = self.gates(torch.cat([frame, h], 1)).chunk(4, 1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(cell)
            frames.append(self.out(h))
        return torch.stack(frames, 1)


def make_batch(generator):
    x = torch.zeros(6, 5, 1, 5, 5)
    column = torch.randint(0, 5, (6,), generator=generator)
    for t in range(5):
        x[torch.arange(6), t, 0, :, (column + t) % 5] = 1
    return x


def make_model():
    return ConvLSTM()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, video):
    return nn.functional.binary_cross_entropy_with_logits(model(video[:, :-1]), video[:, 1:])
