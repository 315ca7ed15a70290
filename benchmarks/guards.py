"""What the guards cost a whole short training: an MLP, a CNN and a GPT, on and off in turn.

Prints per model the median ratio of processor time with and without guards, within the rounds
(aim: at most 1.03), the ratio of the fastest rounds, and whether the trained weights are equal bit
for bit. Processor time, since wall-clock time on a busy machine measures the neighbours; they still
slow it by sharing caches, which the fastest rounds have suffered least from.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from pytest_mlregress.bughunt.guards import watch

AIM = 1.03


class Block(nn.Module):
    """A transformer block with causal attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(0.1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, c = x.shape
        q, k, v = (
            part.view(n, t, self.heads, c // self.heads).transpose(1, 2)
            for part in self.qkv(self.first(x)).chunk(3, -1)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(n, t, c))
        return x + self.mlp(self.second(x))


class GPT(nn.Module):
    """Four blocks of width 128 on 64 tokens of 65 characters."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(65, 128), nn.Embedding(64, 128)
        self.blocks = nn.Sequential(*(Block(128, 4) for _ in range(4)))
        self.head = nn.Linear(128, 65)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.tokens(ids) + self.places(torch.arange(ids.shape[1]))
        return self.head(self.blocks(x)).transpose(1, 2)


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.1), nn.Linear(256, 10)
    )


def cnn() -> nn.Module:
    layers: list[nn.Module] = []
    for fan_in, fan_out in ((1, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(fan_in, fan_out, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(fan_out), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 9, 10))


def pictures(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.randn(64, 1, 28, 28, generator=generator),
        torch.randint(0, 10, (64,), generator=generator),
    )


def text(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(0, 65, (8, 65), generator=generator)
    return ids[:, :-1], ids[:, 1:]


TRAININGS: dict[str, tuple[Callable[[], nn.Module], Callable[..., object], int]] = {
    "MLP": (mlp, pictures, 1000),
    "CNN": (cnn, pictures, 120),
    "GPT": (GPT, text, 120),
}


def train(name: str, guarded: bool) -> tuple[float, list[torch.Tensor]]:
    """(seconds of processor time, trained weights) of four epochs with evaluation."""
    make_model, make_batch, steps = TRAININGS[name]
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    batches = [make_batch(generator) for _ in range(8)]
    model = make_model()
    begin = time.process_time()
    if guarded:
        with watch():
            fit(model, batches, steps)
    else:
        fit(model, batches, steps)
    return time.process_time() - begin, [p.detach() for p in model.parameters()]


def fit(model: nn.Module, batches: list, steps: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(steps):
        model.train()
        x, y = batches[step % len(batches)]
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % (steps // 4) == steps // 4 - 1:
            model.eval()
            with torch.no_grad():
                for x, y in batches:
                    F.cross_entropy(model(x), y).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--models", nargs="+", choices=TRAININGS, default=list(TRAININGS))
    options = parser.parse_args()
    repetitions = options.repetitions
    torch.set_num_threads(1)
    print(f"processor time with guards / without, {repetitions} alternated rounds (aim: <= {AIM})")
    for name in options.models:
        train(name, True), train(name, False)
        ratios, watched, plain, equal = [], [], [], True
        for repetition in range(repetitions):
            order = (True, False) if repetition % 2 else (False, True)
            seconds = dict.fromkeys(order, 0.0)
            weights = {}
            for guarded in order:
                seconds[guarded], weights[guarded] = train(name, guarded)
            ratios.append(seconds[True] / seconds[False])
            watched.append(seconds[True])
            plain.append(seconds[False])
            equal &= all(map(torch.equal, weights[True], weights[False]))
        ratios.sort()
        print(
            f"  {name}  median {statistics.median(ratios):.3f}, quartiles "
            f"{ratios[len(ratios) // 4]:.3f} to {ratios[-1 - len(ratios) // 4]:.3f}; fastest "
            f"{min(watched) / min(plain):.3f}; "
            f"{TRAININGS[name][2]} steps in {statistics.median(plain):.2f} s; weights "
            f"{'equal bit for bit' if equal else 'DIFFER'}"
        )


if __name__ == "__main__":
    main()
