"""Whether seeds that train together do what each would do alone.

In the first steps, two seeds are computed alone from the same state: what the layers, the loss, the
gradients, the buffers and the optimizer give has to be the same but for rounding. Each step starts
from the state of the computation for all, so that no difference has time to grow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.vectorized.computation import Computation, Computed, OfBatch
from pytest_mlregress.vectorized.errors import VectorizedError
from pytest_mlregress.vectorized.nests import tensors_in
from pytest_mlregress.vectorized.optimizers import MakeOptimizer

TOLERANCES: Final = {
    torch.float64: 1e-9,
    torch.float32: 1e-4,
    torch.float16: 2e-2,
    torch.bfloat16: 5e-2,
}
"""The largest difference, as a share of the largest value of a tensor. Float32 has 7 digits, of
which sums in another order lose one to two."""

_FLOOR: Final = 0.1
"""A gradient is compared as if its largest value were this share of that of all parameters, at
least: one that is zero but for rounding, such as a bias's before BatchNorm, has no digit that
could agree."""

_SHARED: Final = (
    "A tensor that is neither a parameter nor a buffer is the same for all seeds, and so are "
    "random numbers of Python and numpy and what the model counts in Python: register the tensor "
    "as a buffer, draw with torch, count in a buffer; or use vectorized=False"
)
"""What two computations of one seed may differ by, besides what `torch.vmap` computes wrongly."""

Tensors = Mapping[str, torch.Tensor]


class SeedCheck:
    """Compares two seeds of a computation with single runs.

    Args:
        computation: the models.
        seeds: the seeds.
        tolerance: the largest difference as a share of the largest value; None for `TOLERANCES`.
    """

    def __init__(
        self, computation: Computation, seeds: Sequence[int], tolerance: float | None
    ) -> None:
        self._computation = computation
        self._seeds = seeds
        dtypes = [p.dtype for p in computation.params.values() if p.dtype in TOLERANCES]
        default = max((TOLERANCES[dtype] for dtype in dtypes), default=TOLERANCES[torch.float32])
        self.tolerance = default if tolerance is None else tolerance
        self.places = sorted({0, len(seeds) - 1})
        self._optimizers: dict[int, tuple[nn.Module, Optimizer]] = {}

    def compare_step(self, step: int, function: OfBatch, batch: Any, states: list[Any]) -> None:
        """Compare the layers, the loss, the gradients and the buffers of a step.

        Args:
            step: its number, from 0.
            function: the loss.
            batch: the batch.
            states: the seeds' random numbers before it.

        Raises:
            VectorizedError: a seed differs from its single run.
        """
        computation = self._computation
        after = computation.generators.copies()
        computation.generators.restore(states)
        all_seeds = computation.together(function, batch, traced=True)
        for place in self.places:
            computation.generators.restore(states)
            alone, params = computation.alone(place, function, batch, traced=True, ordered=True)
            self._compare_forward(f"step {step}", place, all_seeds, alone)
            alone.result.backward()
            own = {name: one.grad for name, one in params.items() if one.grad is not None}
            self._compare_gradients(step, place, own)
        computation.generators.restore(after)

    def compare_evaluation(self, function: OfBatch, batch: Any) -> None:
        """Compare the layers of an evaluation; what a metric counts may turn on rounding.

        Args:
            function: the metric.
            batch: the batch.

        Raises:
            VectorizedError: a seed differs from its single run.
        """
        computation = self._computation
        states = computation.generators.copies()
        all_seeds = computation.together(function, batch, traced=True)
        for place in self.places:
            computation.generators.restore(states)
            alone, _ = computation.alone(place, function, batch, traced=True, ordered=True)
            all_seeds.result = alone.result = ()
            self._compare_forward("evaluate", place, all_seeds, alone)
        computation.generators.restore(states)

    def _compare_forward(self, when: str, place: int, all_seeds: Computed, alone: Computed) -> None:
        names = [name for name, _ in alone.layers]
        if names != [name for name, _ in all_seeds.layers]:
            raise VectorizedError(
                f"{when}, seed {self._seeds[place]}: a single run calls other modules than the run "
                "of all seeds; use vectorized=False"
            )
        for (name, own), (_, of_all) in zip(alone.layers, all_seeds.layers, strict=True):
            self._compare(f"{when}, layer {self._shown(name)}", place, of_all[place], own)
        results = zip(tensors_in(alone.result), tensors_in(all_seeds.result), strict=True)
        for own, of_all in results:
            self._compare(f"{when}, the loss", place, of_all[place], own)
        for name, own in alone.buffers.items():
            of_all = all_seeds.buffers[name]
            self._compare(f"{when}, buffer {name!r}", place, of_all[place], own)

    def _compare_gradients(self, step: int, place: int, own: Tensors) -> None:
        params = self._computation.params
        together = {name: one.grad for name, one in params.items() if one.grad is not None}
        largest = max((_largest(one) for one in own.values()), default=0.0)
        for name in reversed(list(params)):  # as backward comes to them
            where = f"step {step}, gradient of {name!r}"
            if (name in own) != (name in together):
                raise self._error(where, place, "only one of them has it")
            if name in own:
                gradient = together[name][place]
                self._compare(where, place, gradient, own[name], floor=_FLOOR * largest)

    def begin_optimizers(self, make_optimizer: MakeOptimizer, modules: Iterable[nn.Module]) -> None:
        """Have a single optimizer for each compared seed.

        Args:
            make_optimizer: the user's.
            modules: a model for each of `places`, which is changed.
        """
        for place, module in zip(self.places, modules, strict=True):
            self._optimizers[place] = (module, make_optimizer(module))

    def step_optimizers(self, stacked: Optimizer) -> Iterator[tuple[int, Tensors]]:
        """What single optimizers make of the same parameters and gradients.

        Args:
            stacked: the optimizer of all seeds, whose learning rates hold now.

        Yields:
            The place of a seed, and its parameters afterwards by name.
        """
        for place, (module, optimizer) in self._optimizers.items():
            for own, group in zip(optimizer.param_groups, stacked.param_groups, strict=True):
                own.update({name: one for name, one in group.items() if name != "params"})
            params = dict(module.named_parameters())
            for name, one in params.items():
                of_all = self._computation.params[name]
                one.data.copy_(of_all.detach()[place])
                one.grad = None if of_all.grad is None else of_all.grad[place].clone()
            optimizer.step()
            yield place, {name: one.detach().clone() for name, one in params.items()}

    def compare_parameters(self, step: int, expected: Iterable[tuple[int, Tensors]]) -> None:
        """Compare the parameters after the optimizer's step.

        Args:
            step: its number, from 0.
            expected: what `step_optimizers` gave.

        Raises:
            VectorizedError: a seed differs from its single run.
        """
        for place, params in expected:
            for name, own in params.items():
                of_all = self._computation.params[name].detach()[place]
                self._compare(f"step {step}, {name!r} after the optimizer", place, of_all, own)

    def _compare(
        self, where: str, place: int, given: torch.Tensor, own: torch.Tensor, floor: float = 0.0
    ) -> None:
        if given.shape != own.shape:
            raise self._error(where, place, f"shape {tuple(given.shape)}, not {tuple(own.shape)}")
        one, other = given.detach().double(), own.detach().double()
        same = (one == other) | (one.isnan() & other.isnan())
        gaps = torch.where(same, 0.0, (one - other).abs())
        gap = float(gaps.nan_to_num(nan=torch.inf, posinf=torch.inf).max()) if gaps.numel() else 0.0
        scale = max(_largest(own), floor)
        if gap > self.tolerance * scale:
            raise self._error(where, place, f"differs by {gap:.3g} where values reach {scale:.3g}")

    def _error(self, where: str, place: int, how: str) -> VectorizedError:
        return VectorizedError(
            f"seed {self._seeds[place]} differs from a single run in {where}: {how} (tolerance "
            f"{self.tolerance:g} of the largest value). {_SHARED}"
        )

    def _shown(self, name: str) -> str:
        module = self._computation.models[0].get_submodule(name)
        return (
            f"{name!r} ({type(module).__name__})" if name else f"'' (the {type(module).__name__})"
        )


def _largest(tensor: torch.Tensor) -> float:
    finite = tensor.detach().double().abs().nan_to_num(nan=0.0, posinf=0.0)
    return float(finite.max()) if finite.numel() else 0.0
