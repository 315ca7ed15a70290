"""Multi-label tags from a frozen backbone: its batch norm stays in evaluation mode while the head trains."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(1411)
TAGS = 6
teach = torch.randn(24, TAGS, generator=g)
mix = torch.randn(10, 24, generator=g)


def items(n=32):
    x = torch.randn(n, 10, generator=g)
    score = torch.relu(x @ mix) @ teach / 6
    return x, score > score.mean() + 1.3


train_batches = [items() for _ in range(8)]
batch = train_batches[0]
val_batches = [items(96)]


def pretrained():
    net = nn.Sequential(nn.Linear(10, 24, bias=False), nn.BatchNorm1d(24, affine=False), nn.ReLU())
    with torch.no_grad():
        net[0].weight.copy_(mix.T)
        net[1].running_var.copy_(mix.square().sum(0))
    return net.requires_grad_(False)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = pretrained().eval()
        self.head = nn.Sequential(
            nn.Linear(24, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, TAGS)
        )

    def train(self, mode=True):
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, x):
        with torch.no_grad():
            f = self.backbone(x)
        return self.head(f)
        # BUG squashed: sigmoid-into-bce-with-logits
        #: return self.head(f).sigmoid()


def make_model():
    return Tagger()


def make_optimizer(model):
    return torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=1e-2)


def loss_fn(model, batch):
    x, tags = batch
    return F.binary_cross_entropy_with_logits(
        model(x), tags.float(), pos_weight=torch.full((TAGS,), 2.0)
    )


def train_step(model, optimizer, batch):
    model.train()
    # BUG all-frozen: missing-train-mode
    #: model.eval()  # keeps the backbone's statistics
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    x = torch.cat([x for x, _ in batches])
    tags = torch.cat([t for _, t in batches])
    guess = model(x) > 0
    # BUG squashed: sigmoid-into-bce-with-logits
    #: guess = model(x) > 0.5
    return (2 * (guess & tags).sum() / (guess.sum() + tags.sum()).clamp(min=1)).item()
