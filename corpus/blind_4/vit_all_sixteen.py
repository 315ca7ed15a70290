"""ViT in which batch, patches, channels and pixels per patch are all 16; patchify by reshape + permute,
reconstruction of half the patches (masked auto-encoder)."""

import torch
import torch.nn.functional as F
from torch import nn

N = P = D = 16
g = torch.Generator().manual_seed(19)


def draw(n=N):
    t = torch.linspace(0, 3, 16)
    a = 3 * torch.rand(n, 2, 1, 1, generator=g)
    img = torch.sin(t[:, None] + a[:, 0]) * torch.cos(t + a[:, 1])
    hidden = torch.rand(n, P, generator=g).argsort(1) < P // 2
    return {"img": img.unsqueeze(1), "hidden": hidden}


batch = draw()
val_batches = [draw()]


def patchify(img):  # (N, 1, 16, 16) -> (N, 16 patches, 16 pixels)
    n = img.shape[0]
    return img.reshape(n, 4, 4, 4, 4).permute(0, 1, 3, 2, 4).reshape(n, P, 16)


class MAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(16, D)
        self.pos = nn.Parameter(torch.randn(P, D) * 0.3)
        self.hole = nn.Parameter(torch.zeros(D))
        layer = nn.TransformerEncoderLayer(D, 4, 32, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(D, 16)

    def forward(self, img, hidden):
        x = self.embed(patchify(img))
        x = torch.where(hidden[..., None], self.hole, x) + self.pos
        return self.out(self.encoder(x))


def make_model():
    return MAE()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95))


def loss_fn(model, batch):
    pred = model(batch["img"], batch["hidden"])
    err = (pred - patchify(batch["img"])).square().mean(-1)
    return (err * batch["hidden"]).sum() / batch["hidden"].sum()


@torch.no_grad()
def evaluate(model, batches):
    return torch.stack([loss_fn(model, b) for b in batches]).mean().item()
