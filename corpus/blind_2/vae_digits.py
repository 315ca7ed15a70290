"""A convolution-free VAE on 6 x 6 binary glyphs."""

import torch
import torch.nn.functional as F
from torch import nn


class VAE(nn.Module):
    def __init__(self, latent=4):
        super().__init__()
        self.encode = nn.Sequential(nn.Flatten(), nn.Linear(36, 48), nn.ELU())
        # BUG squashed: vanishing-gradient
        #: squash = [part for _ in range(14) for part in (nn.Linear(48, 48), nn.Sigmoid())]  #!
        #: self.encode = nn.Sequential(nn.Flatten(), nn.Linear(36, 48), nn.Sigmoid(), *squash)  #!
        self.to_mean = nn.Linear(48, latent)
        self.to_logvar = nn.Linear(48, latent)
        self.decode = nn.Sequential(nn.Linear(latent, 48), nn.ELU(), nn.Linear(48, 36))
        # BUG decoder-sigmoid: sigmoid-into-bce-with-logits
        #: self.decode = nn.Sequential(
        #:     nn.Linear(latent, 48), nn.ELU(), nn.Linear(48, 36), nn.Sigmoid()  #!
        #: )

    def forward(self, x):
        h = self.encode(x)
        mean, logvar = self.to_mean(h), self.to_logvar(h)
        z = mean
        if self.training:
            z = mean + torch.randn_like(mean) * (0.5 * logvar).exp()
        # FINE always-samples 2: a VAE that also samples in evaluation
        #: z = torch.distributions.Normal(mean, (0.5 * logvar).exp()).rsample()
        return self.decode(z).view(-1, 1, 6, 6), mean, logvar


def glyphs(seed, n=20):
    g = torch.Generator().manual_seed(seed)
    rows = torch.rand(n, 1, 6, 1, generator=g) < 0.4
    columns = torch.rand(n, 1, 1, 6, generator=g) < 0.4
    flips = torch.rand(n, 1, 6, 6, generator=g) < 0.03
    return ((rows | columns) ^ flips).float()


batch = glyphs(0)
train_batches = [glyphs(0), glyphs(1)]
val_batches = [glyphs(9)]


def make_model():
    return VAE()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def loss_fn(model, x):
    logits, mean, logvar = model(x)
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(
        x
    )  # ALSO decoder-sigmoid
    # BUG arguments: swapped-loss-arguments
    #: reconstruction = F.binary_cross_entropy_with_logits(x, logits, reduction="sum") / len(x)
    # BUG just-sum: loss-sum-vs-mean
    #: reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    # FINE probabilities: binary cross entropy on probabilities
    #: probabilities = torch.sigmoid(logits)
    #: reconstruction = F.binary_cross_entropy(probabilities, x, reduction="none").sum((1, 2, 3)).mean()
    divergence = -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum(1).mean()
    # BUG negative-kl: wrong-loss-sign
    #: divergence = 0.5 * (1 + logvar - mean.square() - logvar.exp()).sum(1).mean()
    return reconstruction + 0.3 * divergence


@torch.no_grad()
def evaluate(model, batches):
    was = model.training
    model.eval()
    scores = [((model(x)[0] > 0) == (x > 0.5)).float().mean().item() for x in batches]
    model.train(was)
    # BUG forgets-mode: missing-train-mode
    return sum(scores) / len(scores)
