"""A deep dense autoencoder whose reconstruction error finds anomalies."""

import torch
import torch.nn as nn


def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.kaiming_normal_(m.weight, nonlinearity="relu")
        # BUG normal-one: exploding-gradient, no-single-batch-overfit
        #: nn.init.normal_(m.weight, 0.0, 1.5)
        # BUG constant: symmetric-init, no-single-batch-overfit
        #: nn.init.constant_(m.weight, 0.05)
        # BUG tiny: vanishing-gradient, no-single-batch-overfit
        #: nn.init.normal_(m.weight, std=1e-3)
        nn.init.zeros_(m.bias)
        # BUG negative: dead-relu, no-single-batch-overfit
        #: nn.init.constant_(m.bias, -10.0)


class AutoEncoder(nn.Module):
    def __init__(self, n_in=24, widths=(24, 24, 16, 6)):
        super().__init__()
        enc, dec = [], []
        sizes = [n_in, *widths]
        for a, b in zip(sizes, sizes[1:]):
            enc += [nn.Linear(a, b), nn.ReLU()]
        enc.pop()  # the code is linear
        for a, b in zip(sizes[::-1], sizes[-2::-1]):
            dec += [nn.Linear(a, b), nn.ReLU()]
        dec.pop()
        self.encoder = nn.Sequential(*enc)
        self.decoder = nn.Sequential(*dec)
        self.apply(init_weights)

    def forward(self, x):
        x = x.to(self.encoder[0].weight.dtype)
        return self.decoder(self.encoder(x)).float()


def sensors(n, seed):
    g = torch.Generator().manual_seed(seed)
    mix = torch.randn(4, 24, generator=torch.Generator().manual_seed(2))
    z = torch.randn(n, 4, generator=g)
    return torch.tanh(z @ mix) + 0.02 * torch.randn(n, 24, generator=g)


pool = sensors(128, 0)
batch = pool[:32]
train_batches = [pool[:32], pool[32:64], pool[64:96]]
val_batches = [pool[96:]]


def make_model():
    return AutoEncoder()
    # BUG bf16: lost-update, bad-learning-rate, no-single-batch-overfit
    #: return AutoEncoder().to(torch.bfloat16)


def loss_fn(model, x):
    return nn.functional.mse_loss(model(x), x)
    # FINE summed: the sum over the features, the mean over the rows
    #: return (model(x) - x).pow(2).sum(dim=1).mean()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)
    # BUG bf16: lost-update, bad-learning-rate, no-single-batch-overfit
    #: return torch.optim.SGD(model.parameters(), lr=1e-3)


def train_step(model, optimizer, x):
    def closure():
        optimizer.zero_grad()
        # BUG closure: missing-zero-grad
        loss = loss_fn(model, x)
        loss.backward()
        return loss

    return optimizer.step(closure).item()


def evaluate(model, batches):
    with torch.no_grad():
        errors = torch.cat([(model(x) - x).pow(2).mean(1) for x in batches])
    return errors.mean().item()
