"""Channel-last MLP-mixer on a grid that has as many cells as channels (16), with the proper transposes."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(20)
C = CELLS = 16
tpl = torch.randn(4, 8, 8, 3, generator=g)


def draw(n=16):
    y = torch.randint(0, 4, (n,), generator=g)
    return (tpl[y] + 0.7 * torch.randn(n, 8, 8, 3, generator=g)), y


batch = draw()
val_batches = [draw(), draw()]


class MixerBlock(nn.Module):
    def __init__(self, scale=1e-4):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.cells = nn.Sequential(nn.Linear(CELLS, 32), nn.GELU(), nn.Linear(32, CELLS))
        self.channels = nn.Sequential(nn.Linear(C, 32), nn.GELU(), nn.Linear(32, C))
        self.s1 = nn.Parameter(scale * torch.ones(C))  # LayerScale
        self.s2 = nn.Parameter(scale * torch.ones(C))

    def forward(self, x):  # (N, 4, 4, C)
        n, h, w, c = x.shape
        t = self.n1(x).flatten(1, 2).transpose(1, 2)  # (N, C, cells)
        t = self.cells(t).transpose(1, 2).unflatten(1, (h, w))
        x = x + self.s1 * t
        return x + self.s2 * self.channels(self.n2(x))


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, C, 2, stride=2)
        self.blocks = nn.Sequential(MixerBlock(), MixerBlock())
        self.norm = nn.LayerNorm(C)
        self.head = nn.Linear(C * CELLS, 4)

    def forward(self, x):  # (N, 8, 8, 3)
        x = self.stem(x.movedim(-1, 1)).movedim(1, -1)
        return self.head(self.norm(self.blocks(x)).flatten(1))


def make_model():
    return Mixer()


def make_optimizer(model):
    scales = [p for n, p in model.named_parameters() if n.endswith((".s1", ".s2"))]
    rest = [p for n, p in model.named_parameters() if not n.endswith((".s1", ".s2"))]
    return torch.optim.AdamW([{"params": rest}, {"params": scales, "weight_decay": 0.0}], lr=2e-3)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).argmax(-1) == y).sum().item() for x, y in batches) / sum(
        len(y) for _, y in batches
    )
