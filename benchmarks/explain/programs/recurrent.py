"""A recurrent network that forecasts a noisy wave, one step ahead."""

import numpy as np
import torch
from torch import nn

WINDOW = 16


class Cell(nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.update = nn.Linear(inputs + width, width)
        self.candidate = nn.Linear(inputs + width, width)

    def forward(self, x, state):
        both = torch.cat([x, state], dim=-1)
        gate = torch.sigmoid(self.update(both))
        new = torch.tanh(self.candidate(both))
        return gate * new + (1 - gate) * state


class Forecaster(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.width = width
        self.cell = Cell(1, width)
        self.readout = nn.Linear(width, 1)
        self.reset_readout()

    def reset_readout(self):
        nn.init.uniform_(self.readout.weight, -0.1, 0.1)

    def forward(self, window):
        state = window.new_zeros(window.shape[0], self.width)
        for t in range(window.shape[1]):
            state = self.cell(window[:, t : t + 1], state)
        return self.readout(state).squeeze(-1)


def make_series():
    rng = np.random.default_rng(3)
    time = np.arange(400)
    wave = np.sin(time / 5) + 0.3 * np.sin(time / 2)
    return (wave + 0.05 * rng.standard_normal(400)).astype(np.float32)


def make_windows(series):
    windows = np.lib.stride_tricks.sliding_window_view(series, WINDOW + 1)
    scaled = windows / np.abs(series).max()
    return torch.from_numpy(scaled.copy())


def batches(windows, size):
    order = np.random.permutation(len(windows))
    for start in range(0, len(order) - size, size):
        yield windows[order[start : start + size]]


def training_loss(model, batch):
    forecast = model(batch[:, :-1])
    error = forecast - batch[:, -1]
    return (error**2).mean()


def train(model, windows, epochs):
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3, alpha=0.95)
    for _ in range(epochs):
        for batch in batches(windows, 32):
            optimizer.zero_grad()
            training_loss(model, batch).backward()
            torch.nn.utils.clip_grad_value_(model.parameters(), 0.5)
            optimizer.step()


def test_error(model, windows):
    model.eval()
    with torch.inference_mode():
        forecast = model(windows[:, :-1])
        return (forecast - windows[:, -1]).abs().mean().item()


def run(mlregress):
    windows = make_windows(make_series())
    model = Forecaster()
    train(model, windows[:300], epochs=8)
    mlregress.record("error", test_error(model, windows[300:]), higher_is_better=False)
