"""Seeds trained together (`vectorized.Ensemble`) beside the same seeds one after the other.

One training step of a perceptron with two hidden layers and Adam, in one process: seconds of a
plain torch loop over the seeds, divided by those of `Ensemble.step` for all of them. Both are
measured in turns within one process, on one thread of a CPU or on a GPU; the median of the ratios
is printed with its range. Above 1, training together is faster.

Aims: more than 1 wherever `MOST_PARAMETERS_ON_CPU` lets a CPU train together, and on a GPU at least
8 for 32 seeds of a small model.

    python benchmarks/vectorized.py
    python benchmarks/vectorized.py --device cuda --seeds 32
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import nn
from torch.nn import functional

from pytest_mlregress.vectorized import Ensemble, PerSeed

HIDDEN = {"1k": 20, "10k": 85, "30k": 160, "100k": 300}
"""Units of both hidden layers by the number of parameters that they make."""


def make_model(hidden: int, device: str, regularised: bool) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs in (16, hidden):
        layers += [nn.Linear(inputs, hidden), nn.ReLU()]
        if regularised:
            layers += [nn.BatchNorm1d(hidden), nn.Dropout(0.1)]
    return nn.Sequential(*layers, nn.Linear(hidden, 10)).to(device)


def loss_fn(model: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    inputs, labels = batch
    return functional.cross_entropy(model(inputs), labels)


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters())


def seconds(step: Callable[[], object], steps: int, device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - start) / steps


def ratios(size: str, seeds: int, batch_size: int, arguments: argparse.Namespace) -> list[float]:
    device = arguments.device

    def make() -> nn.Module:
        return make_model(HIDDEN[size], device, arguments.regularised)

    batch = (
        torch.randn(seeds, batch_size, 16, device=device),
        torch.randint(0, 10, (seeds, batch_size), device=device),
    )
    singles = [make() for _ in range(seeds)]
    optimizers = [make_optimizer(model) for model in singles]
    models = Ensemble(
        make, range(seeds), make_optimizer=make_optimizer, checked_steps=0, on_cpu="together"
    )

    def one_by_one() -> None:
        for place, (model, optimizer) in enumerate(zip(singles, optimizers, strict=True)):
            optimizer.zero_grad()
            loss_fn(model, (batch[0][place], batch[1][place])).backward()
            optimizer.step()

    def together() -> None:
        models.step(loss_fn, PerSeed(batch))

    for step in (one_by_one, together):
        seconds(step, 2, device)
    steps = max(1, int(0.2 / seconds(together, 1, device)))
    return [
        seconds(one_by_one, steps, device) / seconds(together, steps, device)
        for _ in range(arguments.rounds)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--seeds", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--batch-size", type=int, nargs="+", default=[32])
    parser.add_argument("--sizes", nargs="+", default=["1k", "10k", "100k"], choices=HIDDEN)
    parser.add_argument(
        "--regularised", action="store_true", help="with BatchNorm and dropout in both layers"
    )
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("parameters  batch  seeds  one by one / together")
    for size in arguments.sizes:
        for batch_size in arguments.batch_size:
            for seeds in arguments.seeds:
                found = ratios(size, seeds, batch_size, arguments)
                print(
                    f"{size:>10}  {batch_size:>5}  {seeds:>5}  {median(found):5.2f} "
                    f"({min(found):.2f} to {max(found):.2f})",
                    flush=True,
                )


if __name__ == "__main__":
    main()
