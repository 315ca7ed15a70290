"""WGAN-GP on short curves. One Adam, two parameter groups: the group that has no gradients is not stepped."""

import torch
from torch import autograd, nn

T, Z = 12, 6
gen = torch.Generator().manual_seed(4711)


def curves(n=48):
    phase = 6.28 * torch.rand(n, 1, generator=gen)
    speed = 0.4 + 0.3 * torch.rand(n, 1, generator=gen)
    return torch.sin(phase + speed * torch.arange(T)) + 0.05 * torch.randn(n, T, generator=gen)


batch = curves()
val_batches = [curves(96)]


class WGAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(
            nn.Linear(Z, 40), nn.ELU(), nn.Linear(40, 40), nn.ELU(), nn.Linear(40, T)
        )
        self.critic = nn.Sequential(  # no norm over the batch: the penalty is each example's
            nn.Linear(T, 40), nn.LayerNorm(40), nn.SiLU(), nn.Linear(40, 40), nn.SiLU()
        )
        self.value = nn.Linear(40, 1, bias=False)  # a critic's offset cancels

    def criticise(self, x):
        return self.value(self.critic(x)).squeeze(1)

    def sample(self, n):
        return self.generator(torch.randn(n, Z))


def make_model():
    return WGAN()


def make_optimizer(model):
    return torch.optim.Adam(
        [
            {"params": list(model.generator.parameters()), "lr": 1e-3},
            {"params": [*model.critic.parameters(), *model.value.parameters()], "lr": 2e-3},
        ],
        betas=(0.5, 0.9),
    )


def loss_fn(model, batch):
    with torch.no_grad():
        fake = model.sample(len(batch))
    mix = torch.rand(len(batch), 1)
    between = (mix * batch + (1 - mix) * fake).requires_grad_(True)
    (grad,) = autograd.grad(model.criticise(between).sum(), between, create_graph=True)
    penalty = ((grad.norm(2, dim=1) - 1) ** 2).mean()
    return model.criticise(fake).mean() - model.criticise(batch).mean() + 10 * penalty


def train_step(model, optimizer, batch):
    for _ in range(2):
        optimizer.zero_grad(set_to_none=True)  # also what the generator's turn left on the critic
        critic_loss = loss_fn(model, batch)
        critic_loss.backward()
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    (-model.criticise(model.sample(len(batch))).mean()).backward()
    for p in optimizer.param_groups[1]["params"]:
        p.grad = None
    optimizer.step()
    return critic_loss.item()


@torch.no_grad()
def evaluate(model, batches):
    def spectrum(x):
        return torch.fft.rfft(x).abs().mean(0)

    z = torch.randn(96, Z, generator=torch.Generator().manual_seed(1))
    return (spectrum(model.generator(z)) - spectrum(batches[0])).abs().mean().item()
