"""Shifted-window attention on small feature maps, regression of two numbers per image."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZE, WIN, DIM, HEADS = 8, 4, 16, 2


def window_partition(x, ws):
    B, H, W, C = x.shape
    x = x.view(B, H // ws, ws, W // ws, ws, C)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, ws * ws, C)


def window_reverse(windows, ws, H, W):
    B = windows.shape[0] // ((H // ws) * (W // ws))
    x = windows.view(B, H // ws, W // ws, ws, ws, -1)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(B, H, W, -1)
    # FINE transposed: two axes exchanged
    #: return x.transpose(2, 3).contiguous().view(B, H, W, -1)


class WindowAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(DIM, 3 * DIM)
        self.proj = nn.Linear(DIM, DIM)
        self.table = nn.Parameter(torch.zeros((2 * WIN - 1) ** 2, HEADS))
        nn.init.trunc_normal_(self.table, std=0.02)
        ij = torch.stack(
            torch.meshgrid(torch.arange(WIN), torch.arange(WIN), indexing="ij")
        ).flatten(1)
        rel = (ij[:, :, None] - ij[:, None, :]) + WIN - 1
        self.register_buffer("index", rel[0] * (2 * WIN - 1) + rel[1])

    def forward(self, x, mask=None):
        n_win, N, C = x.shape
        qkv = self.qkv(x).reshape(n_win, N, 3, HEADS, C // HEADS).permute(2, 0, 3, 1, 4)
        # BUG qkv-reshape: view-instead-of-permute, batch-leak
        #: qkv = self.qkv(x).reshape(3, n_win, HEADS, N, C // HEADS)
        q, k, v = qkv.unbind(0)
        attn = q @ k.transpose(-2, -1) * (C // HEADS) ** -0.5
        attn = attn + self.table[self.index.view(-1)].view(N, N, HEADS).permute(2, 0, 1)
        if mask is not None:
            attn = attn.view(-1, mask.size(0), HEADS, N, N) + mask[:, None]
            attn = attn.view(-1, HEADS, N, N)
        attn = attn.softmax(dim=-1)
        # BUG rows: wrong-softmax-dim
        #: attn = attn.softmax(dim=-2)
        x = (attn @ v).transpose(1, 2).reshape(n_win, N, C)
        # BUG no-transpose: view-instead-of-permute
        #: x = (attn @ v).reshape(n_win, N, C)
        return self.proj(x)


class SwinBlock(nn.Module):
    def __init__(self, shift):
        super().__init__()
        self.shift = shift
        self.norm1, self.norm2 = nn.LayerNorm(DIM), nn.LayerNorm(DIM)
        self.attn = WindowAttention()
        self.mlp = nn.Sequential(nn.Linear(DIM, 2 * DIM), nn.GELU(), nn.Linear(2 * DIM, DIM))
        mask = None
        if shift:
            area = torch.zeros(1, SIZE, SIZE, 1)
            parts = (slice(0, -WIN), slice(-WIN, -shift), slice(-shift, None))
            for i, h in enumerate(parts):
                for j, w in enumerate(parts):
                    area[:, h, w] = 3 * i + j
            ids = window_partition(area, WIN).squeeze(-1)
            mask = (ids[:, None] != ids[:, :, None]).float() * -100.0
        self.register_buffer("mask", mask)

    def forward(self, x):
        h = self.norm1(x)
        if self.shift:
            h = torch.roll(h, (-self.shift, -self.shift), dims=(1, 2))
        h = window_reverse(self.attn(window_partition(h, WIN), self.mask), WIN, SIZE, SIZE)
        if self.shift:
            h = torch.roll(h, (self.shift, self.shift), dims=(1, 2))
        x = x + h
        return x + self.mlp(self.norm2(x))


class Swin(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(3, DIM, 1)
        self.layers = nn.Sequential(SwinBlock(0), SwinBlock(WIN // 2))
        start = torch.randn(DIM, DIM) * DIM**-0.5
        self.gate = nn.Parameter(start.clone())
        self.value = nn.Parameter(torch.randn(DIM, DIM) * DIM**-0.5)
        # BUG one-start 2: shared-init, symmetric-init
        #: self.gate = nn.Parameter(start)
        #: self.value = nn.Parameter(start)
        self.head = nn.Linear(DIM, 2)
        # BUG no-bias: missing-output-bias
        #: self.head = nn.Linear(DIM, 2, bias=False)

    def forward(self, x):
        x = self.embed(x).permute(0, 2, 3, 1)
        # BUG channels-last: view-instead-of-permute
        #: x = self.embed(x).view(-1, SIZE, SIZE, DIM)
        x = self.layers(x).mean(dim=(1, 2))
        x = torch.sigmoid(x @ self.gate) * (x @ self.value)
        return self.head(x)


def maps(n, seed):
    g = torch.Generator().manual_seed(seed)
    level = torch.randn(n, 2, generator=g)
    x = 0.5 * torch.randn(n, 3, SIZE, SIZE, generator=g)
    x[:, 0] += level[:, 0, None, None]
    x[:, 1, ::2] += level[:, 1, None, None]
    return x, 8.0 + level


batch = maps(8, 0)
val_batches = [maps(8, 1)]


def make_model():
    return Swin()


def loss_fn(model, batch):
    x, y = batch
    return F.mse_loss(model(x), y)


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=1e-2)


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    # BUG copy: no-single-batch-overfit, detached-graph, optimizer-misses-parameters
    #: loss = loss_fn(copy.deepcopy(model), batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    frozen = copy.deepcopy(model).eval().requires_grad_(False)
    return float(sum(F.l1_loss(frozen(x), y).item() for x, y in batches) / len(batches))
