"""How long a hunt takes by the size of the model.

Run ``PYTHONPATH=src python -m benchmarks.bughunt.speed`` from the repository's root. Each
architecture is hunted with everything that a program can give (optimizer, step, evaluation,
validation data), at 1e4, 1e6 and 1e7 parameters, under the default budget unless ``--budget``
says otherwise. *Processor* is the time that the process computed, *elapsed* what a clock on the
wall says; on a busy machine the second is the larger one.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.nn import functional

from pytest_mlregress.bughunt import Findings, hunt

SIZES = (1e4, 1e6, 1e7)
CLASSES, TOKENS, LENGTH = 10, 64, 32

MakeModel = Callable[[], nn.Module]


@dataclass(frozen=True)
class Timed:
    """One hunt: the model's size, what it cost in seconds, what it said."""

    name: str
    parameters: int
    processor: float
    elapsed: float
    findings: Findings

    @property
    def over_budget(self) -> list[str]:
        """The checks for which the budget did not suffice."""
        return [skip.check for skip in self.findings.skipped if "budget_s" in skip.reason]


def main() -> None:
    """Hunt every architecture at every size and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bughunt.speed", description=__doc__)
    parser.add_argument("--sizes", type=float, nargs="*", default=SIZES, help="parameters")
    parser.add_argument("--budget", type=float, default=10.0, help="seconds per hunt")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    table = Table(
        "model", "parameters", "processor (s)", "elapsed (s)", "findings", "no budget for"
    )
    list(timed(1e3, options.budget))  # torch's own start
    for size in options.sizes:
        for result in timed(size, options.budget):
            table.add_row(
                result.name,
                f"{result.parameters:,}",
                f"{result.processor:.2f}",
                f"{result.elapsed:.2f}",
                str(len(result.findings)),
                ", ".join(result.over_budget) or "-",
            )
    Console().print(table)


def timed(size: float, budget_s: float) -> Iterator[Timed]:
    """Hunt each architecture with about `size` parameters."""
    for name, make_program in (("MLP", mlp), ("CNN", cnn), ("transformer", transformer)):
        program = make_program(size)
        count = sum(parameter.numel() for parameter in program["make_model"]().parameters())
        elapsed, processor = time.perf_counter(), time.process_time()
        findings = hunt(**program, budget_s=budget_s)
        processor, elapsed = time.process_time() - processor, time.perf_counter() - elapsed
        yield Timed(name, count, processor, elapsed, findings)


def program_of(
    make_model: MakeModel, make_batch: Callable[[torch.Generator], Any], loss_fn: Any
) -> dict[str, Any]:
    """Everything that a hunt can be given, around one model and its loss."""

    def train_step(model: nn.Module, optimizer: Any, batch: Any) -> float:
        model.train()
        optimizer.zero_grad()
        loss = loss_fn(model, batch)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    def evaluate(model: nn.Module, batches: Any) -> float:
        model.eval()
        with torch.no_grad():
            return sum(float(loss_fn(model, batch)) for batch in batches) / len(batches)

    batches = [make_batch(torch.Generator().manual_seed(seed)) for seed in range(3)]
    return {
        "make_model": make_model,
        "batch": batches[0],
        "loss_fn": loss_fn,
        "make_optimizer": lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3),
        "train_step": train_step,
        "evaluate": evaluate,
        "train_batches": batches[:2],
        "val_batches": batches[2:],
    }


def classified(model: nn.Module, batch: Any) -> torch.Tensor:
    """Cross entropy of a batch of inputs and labels."""
    inputs, labels = batch
    return functional.cross_entropy(model(inputs), labels)


def continued(model: nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    """Cross entropy of each token after those before it."""
    logits = model(tokens[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def mlp(size: float) -> dict[str, Any]:
    """Six layers; the four in the middle hold nearly all parameters."""
    width = max(8, round((size / 4) ** 0.5))

    def make_model() -> nn.Module:
        layers = [nn.Linear(64, width), nn.ReLU()]
        for _ in range(4):
            layers += [nn.Linear(width, width), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(width, CLASSES))

    def make_batch(generator: torch.Generator) -> Any:
        inputs = torch.randn(16, 64, generator=generator)
        return inputs, torch.randint(0, CLASSES, (16,), generator=generator)

    return program_of(make_model, make_batch, classified)


def cnn(size: float) -> dict[str, Any]:
    """Five convolutions with batch norm; their channels double twice."""
    width = max(4, round((size / (9 * (1 + 2 + 4 + 8 + 16))) ** 0.5))
    channels = (3, width, width, 2 * width, 2 * width, 4 * width, 4 * width)

    def make_model() -> nn.Module:
        layers: list[nn.Module] = []
        for index, (before, after) in enumerate(itertools.pairwise(channels)):
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if index % 2 else []
        return nn.Sequential(
            *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], CLASSES)
        )

    def make_batch(generator: torch.Generator) -> Any:
        inputs = torch.randn(8, 3, 16, 16, generator=generator)
        return inputs, torch.randint(0, CLASSES, (8,), generator=generator)

    return program_of(make_model, make_batch, classified)


class Transformer(nn.Module):
    """A causal language model of four layers; `width` is a multiple of four."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(TOKENS, width)
        self.places = nn.Embedding(LENGTH, width)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.head = nn.Linear(width, TOKENS)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits (N, T, TOKENS) of tokens (N, T)."""
        length = tokens.shape[1]
        hidden = self.tokens(tokens) + self.places(torch.arange(length))
        mask = torch.full((length, length), float("-inf")).triu(1)
        logits: torch.Tensor = self.head(self.body(hidden, mask=mask))
        return logits


def transformer(size: float) -> dict[str, Any]:
    """A small language model."""
    width = max(8, round((size / 48) ** 0.5) // 4 * 4)

    def make_batch(generator: torch.Generator) -> Any:
        return torch.randint(0, TOKENS, (8, 17), generator=generator)

    return program_of(lambda: Transformer(width), make_batch, continued)


if __name__ == "__main__":
    main()
