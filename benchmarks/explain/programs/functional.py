"""Logistic regression with a hidden layer, without modules or optimizers: tensors alone."""

import random

import torch
from torch.nn import functional

RATE = 0.3
DECAY = 1e-3


def make_data():
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(400, 6, generator=generator)
    y = ((x[:, 0] * x[:, 1] + x[:, 2]) > 0).float()
    return x, y


def make_parameters():
    hidden = torch.randn(6, 24) * 0.4
    output = torch.randn(24) * 0.2
    bias = torch.zeros(24)
    return [tensor.requires_grad_() for tensor in (hidden, bias, output)]


def predict(parameters, x):
    hidden, bias, output = parameters
    return torch.tanh(x @ hidden + bias) @ output


def penalty(parameters):
    return sum((tensor**2).sum() for tensor in parameters)


def loss_of(parameters, x, y):
    return functional.binary_cross_entropy_with_logits(predict(parameters, x), y)


def choose(n, size):
    return random.sample(range(n), size)


def update(parameters):
    with torch.no_grad():
        for tensor in parameters:
            tensor -= RATE * tensor.grad
            tensor.grad = None


def train(parameters, x, y, steps):
    for _ in range(steps):
        rows = choose(len(x), 32)
        loss = loss_of(parameters, x[rows], y[rows]) + DECAY * penalty(parameters)
        loss.backward()
        update(parameters)


def error_rate(parameters, x, y):
    with torch.no_grad():
        wrong = (predict(parameters, x) > 0) != (y > 0.5)
        return wrong.float().mean().item()


def run(mlregress):
    x, y = make_data()
    parameters = make_parameters()
    train(parameters, x[:300], y[:300], steps=200)
    mlregress.record("error", error_rate(parameters, x[300:], y[300:]), higher_is_better=False)
