"""Two Swin blocks (plain and shifted windows) that mark the pixels of the larger of two blobs."""

import torch
import torch.nn.functional as F
from torch import nn

SIDE, WIN, C, HEADS = 8, 4, 24, 2
gen = torch.Generator().manual_seed(2103)


def scenes(n=8):
    yy, xx = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    grid = torch.stack([yy, xx], -1).float()
    centre = torch.rand(n, 2, 2, generator=gen) * 7
    radius = 1.2 + 1.5 * torch.rand(n, 2, generator=gen)
    d = (grid[None, None] - centre[:, :, None, None]).norm(dim=-1)
    disk = d < radius[:, :, None, None]
    image = disk.any(1).float() + 0.3 * torch.randn(n, SIDE, SIDE, generator=gen)
    big = disk[torch.arange(n), radius.argmax(1)]
    return image.unsqueeze(1), big


train_batches = [scenes() for _ in range(8)]
batch = train_batches[0]
val_batches = [scenes(16)]


def split(x):
    b = x.shape[0]
    x = x.view(b, SIDE // WIN, WIN, SIDE // WIN, WIN, C).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, WIN * WIN, C)


def join(windows):
    x = windows.view(-1, SIDE // WIN, SIDE // WIN, WIN, WIN, C)
    x = x.permute(0, 1, 3, 2, 4, 5).reshape(-1, SIDE, SIDE, C)
    # BUG unpermuted: view-instead-of-permute
    #: x = x.reshape(-1, SIDE, SIDE, C)
    return x


class SwinBlock(nn.Module):
    def __init__(self, shift):
        super().__init__()
        self.shift = shift
        self.n1, self.n2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.qkv, self.proj = nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.bias = nn.Parameter(torch.zeros(HEADS, WIN * WIN, WIN * WIN))
        self.mlp = nn.Sequential(nn.Linear(C, 2 * C), nn.GELU(), nn.Linear(2 * C, C))
        region = torch.zeros(1, SIDE, SIDE, C)
        if shift:
            region[:, -shift:] += 1
            region[:, :, -shift:] += 2
        r = split(region)[..., 0]
        self.register_buffer("apart", r[:, None, :] != r[:, :, None], persistent=False)

    def attend(self, w):
        n = w.shape[0] // self.apart.shape[0]
        q, k, v = (
            p.view(*p.shape[:2], HEADS, -1).transpose(1, 2) for p in self.qkv(w).chunk(3, -1)
        )
        score = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + self.bias
        score = score.masked_fill(self.apart.repeat(n, 1, 1).unsqueeze(1), -1e9)
        return self.proj((score.softmax(-1) @ v).transpose(1, 2).flatten(2))

    def forward(self, x):
        s = self.shift
        y = torch.roll(self.n1(x), (-s, -s), dims=(1, 2))
        # BUG rolled: batch-leak
        #: y = torch.roll(self.n1(x), (-s, -s), dims=(0, 1))
        y = join(self.attend(split(y)))
        x = x + torch.roll(y, (s, s), dims=(1, 2))
        return x + self.mlp(self.n2(x))


class Swin(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, C, 3, padding=1)
        self.blocks = nn.Sequential(SwinBlock(0), SwinBlock(WIN // 2))
        self.head = nn.Linear(C, 1)

    def forward(self, image):
        x = self.stem(image).permute(0, 2, 3, 1)
        return self.head(self.blocks(x)).squeeze(-1)


def make_model():
    return Swin()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3)


def loss_fn(model, batch):
    image, big = batch
    return F.binary_cross_entropy_with_logits(model(image), big.float())


@torch.no_grad()
def evaluate(model, batches):
    inter = union = 0
    for image, big in batches:
        guess = model(image) > 0
        inter += (guess & big).sum().item()
        union += (guess | big).sum().item()
    return inter / max(union, 1)
