"""The models of several seeds, trained together."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress import MLRegressWarning
from pytest_mlregress.plurals import count_of
from pytest_mlregress.seeding import preserved_generators, seed_everything
from pytest_mlregress.vectorized.check import SeedCheck
from pytest_mlregress.vectorized.computation import Computation, OfBatch
from pytest_mlregress.vectorized.errors import VectorizedError
from pytest_mlregress.vectorized.optimizers import MakeOptimizer, stacked_optimizer
from pytest_mlregress.vectorized.seeded_random import SeedGenerators

MOST_PARAMETERS_ON_CPU: Final = 10_000
"""Per seed: beyond that, training together gains nothing on a CPU (benchmarks/vectorized.py)."""

CHECKED_STEPS: Final = 3
_TIMINGS: Final = 3


class Ensemble:
    """One torch model per seed, all trained in one computation.

    Each model is initialised with its own seed, as in a single run, and draws its own random
    numbers. In the first steps two seeds are compared with single runs.

    Attributes:
        seeds: the seeds, in the order in which values are returned.
        optimizer: one torch optimizer for the parameters of all seeds, for learning-rate
            schedulers; None without ``make_optimizer``.
        together: whether the seeds are computed at once; None before the first batch. One seed, and
            on a CPU models of more than `MOST_PARAMETERS_ON_CPU` parameters, are not.
        measured_gain: the seconds of forward and backward passes one by one divided by those of
            together, as measured in the last compared step; None without. No decision rests on it.

    Args:
        make_model: makes a model: the same but for random initial values.
        seeds: the seeds, ``mlregress.seeds``.
        make_optimizer: makes the optimizer of one model; None for models that are not trained.
        tolerance: the largest difference from a single run, as a share of a layer's largest value;
            None for 1e-4 in float32, 1e-9 in float64, 2e-2 in float16 and 5e-2 in bfloat16.
        checked_steps: in how many first steps two seeds are compared with single runs.
        on_cpu: ``"auto"`` trains models that are too large for a CPU one by one, ``"together"``
            trains them together all the same.

    Raises:
        VectorizedError: the models differ in more than values, or the optimizer may mix seeds.
    """

    def __init__(
        self,
        make_model: Callable[[], nn.Module],
        seeds: Sequence[int],
        *,
        make_optimizer: MakeOptimizer | None = None,
        tolerance: float | None = None,
        checked_steps: int = CHECKED_STEPS,
        on_cpu: str = "auto",
    ) -> None:
        if on_cpu not in ("auto", "together"):
            raise VectorizedError(f"on_cpu={on_cpu!r}: expected 'auto' or 'together'")
        if not seeds:
            raise VectorizedError("Ensemble(make_model, seeds): there is no seed")
        self.seeds = tuple(seeds)
        models, generators = _initialised(make_model, self.seeds)
        self._computation = Computation(models, generators)
        self._device = _device_of(models[0])
        self._check = SeedCheck(self._computation, self.seeds, tolerance)
        self.optimizer: Optimizer | None = None
        if make_optimizer is not None:
            params = self._computation.params
            self.optimizer = stacked_optimizer(make_optimizer(models[0]), models[0], params)
            for name, one in models[0].named_parameters():  # it may have frozen some
                params[name].requires_grad_(one.requires_grad)
            singles = (copy.deepcopy(models[place]) for place in self._check.places)
            self._check.begin_optimizers(make_optimizer, singles)
        self.together = self._decided(on_cpu)
        self.measured_gain: float | None = None
        self._unchecked_steps = checked_steps if self.together else 0
        self._unchecked_evaluation = self.together and checked_steps > 0
        self._steps = 0

    def __repr__(self) -> str:
        how = "together" if self.together else "one by one"
        name = type(self._computation.models[0]).__name__
        return f"<Ensemble of {count_of(len(self.seeds), 'seed')} of {name}, trained {how}>"

    def _decided(self, on_cpu: str) -> bool:
        """By numbers that do not change from run to run, since the last bits depend on it."""
        if len(self.seeds) == 1:
            return False
        parameters = sum(one.numel() for one in self._computation.models[0].parameters())
        if self._device.type != "cpu" or on_cpu == "together":
            return True
        if parameters <= MOST_PARAMETERS_ON_CPU:
            return True
        warnings.warn(
            f"Ensemble: {len(self.seeds)} seeds are trained one by one, not together: on a CPU "
            f"that gains nothing for a model of {parameters:,} parameters (limit "
            f"{MOST_PARAMETERS_ON_CPU:,}). vectorized=False spreads the seeds over workers (-n 2); "
            "on_cpu='together' insists",
            MLRegressWarning,
            stacklevel=3,
        )
        return False

    def step(self, loss_fn: OfBatch, batch: Any, *, max_norm: float | None = None) -> torch.Tensor:
        """Train each seed with one batch.

        Args:
            loss_fn: called as ``loss_fn(model, batch)``, does the forward pass of one seed and
                returns its loss, one number.
            batch: any nest of tensors, the same for all seeds; or `PerSeed`, one batch per seed.
            max_norm: the largest norm of a seed's gradient, as in
                ``torch.nn.utils.clip_grad_norm_``; None for no limit.

        Returns:
            The losses, shape ``(seeds,)``, without a graph.

        Raises:
            VectorizedError: the loss cannot be computed for all seeds at once, or a seed differs
                from its single run.
        """
        if self.optimizer is None:
            raise VectorizedError("step(): there is no optimizer; pass make_optimizer to Ensemble")
        checked = self._steps < self._unchecked_steps
        for one in self._computation.params.values():
            one.grad = None  # those that the optimizer leaves alone have one, too
        states = self._computation.generators.copies() if checked else []
        compute = self._together if self.together else self._one_by_one
        losses, buffers = compute(loss_fn, batch)
        if checked:
            self._check.compare_step(self._steps, loss_fn, batch, states)
            if self._steps == self._unchecked_steps - 1:
                self.measured_gain = self._gain(loss_fn, batch)
        if max_norm is not None:
            self._clip(max_norm)
        expected = list(self._check.step_optimizers(self.optimizer)) if checked else []
        self.optimizer.step()
        self._check.compare_parameters(self._steps, expected)
        self._computation.buffers = buffers
        self._steps += 1
        return losses

    def _together(self, loss_fn: OfBatch, batch: Any) -> tuple[torch.Tensor, dict[str, Any]]:
        computed = self._computation.together(loss_fn, batch)
        losses = _losses(computed.result, (len(self.seeds),))
        losses.sum().backward()  # type: ignore[no-untyped-call]  # each loss depends on the parameters of its own seed alone
        return losses.detach(), {name: one.detach() for name, one in computed.buffers.items()}

    def _one_by_one(self, loss_fn: OfBatch, batch: Any) -> tuple[torch.Tensor, dict[str, Any]]:
        each, gradients = [], []
        for place in range(len(self.seeds)):
            computed, params = self._computation.alone(place, loss_fn, batch)
            _losses(computed.result, ()).backward()  # type: ignore[no-untyped-call]
            computed.result = computed.result.detach()
            each.append(computed)
            gradients.append({name: one.grad for name, one in params.items()})
        for name, stacked in self._computation.params.items():
            own = [gradient[name] for gradient in gradients]
            if any(one is not None for one in own):
                zero = torch.zeros_like(stacked[0])
                stacked.grad = torch.stack([zero if one is None else one for one in own])
        computed = self._computation.stacked(each)
        return computed.result, {name: one.detach() for name, one in computed.buffers.items()}

    def _clip(self, max_norm: float) -> None:
        gradients = [one.grad for one in self._computation.params.values() if one.grad is not None]
        norms = torch.stack([one.flatten(1).norm(dim=1) for one in gradients]).norm(dim=0)
        factors = (max_norm / (norms + 1e-6)).clamp(max=1.0)
        for one in gradients:
            one.mul_(factors.view(-1, *[1] * (one.dim() - 1)))

    def _gain(self, loss_fn: OfBatch, batch: Any) -> float:
        """Time both ways of one forward and backward pass in turns; nothing is changed by it."""
        states = self._computation.generators.copies()
        kept = {name: one.grad for name, one in self._computation.params.items()}
        alone, together = [], []
        for _ in range(_TIMINGS):
            alone.append(self._seconds(lambda: self._single(loss_fn, batch)))
            for one in self._computation.params.values():
                one.grad = None
            together.append(self._seconds(lambda: self._together(loss_fn, batch)))
        self._computation.generators.restore(states)
        for name, one in self._computation.params.items():
            one.grad = kept[name]
        return len(self.seeds) * min(alone) / min(together)

    def _single(self, loss_fn: OfBatch, batch: Any) -> None:
        computed, _ = self._computation.alone(0, loss_fn, batch)
        computed.result.backward()

    def _seconds(self, run: Callable[[], object]) -> float:
        self._wait()
        start = time.perf_counter()
        run()
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    @torch.no_grad()
    def evaluate(self, function: OfBatch, batch: Any) -> Any:
        """Compute something of each model in evaluation mode, without gradients.

        Args:
            function: called as ``function(model, batch)``; returns a number, or any nest of
                tensors.
            batch: any nest of tensors, the same for all seeds; or `PerSeed`.

        Returns:
            What the function returned, with shape ``(seeds, ...)`` per tensor.

        Raises:
            VectorizedError: it cannot be computed for all seeds at once, or a seed differs from
                its single run.
        """
        was_training = self._computation.models[0].training
        self.eval()
        try:
            if not self.together:
                each, _ = self._computation.one_by_one(function, batch)
                return self._computation.stacked(each).result
            if self._unchecked_evaluation:
                self._check.compare_evaluation(function, batch)
                self._unchecked_evaluation = False
            return self._computation.together(function, batch).result
        finally:
            self.train(was_training)

    def train(self, mode: bool = True) -> None:
        """Put all models into training mode.

        Args:
            mode: False for evaluation mode.
        """
        for model in self._computation.models:
            model.train(mode)

    def eval(self) -> None:
        """Put all models into evaluation mode."""
        self.train(False)

    def module(self, seed: int) -> nn.Module:
        """A copy of the model of one seed, as it is now.

        Args:
            seed: the seed.

        Returns:
            The model.
        """
        place = self.seeds.index(seed)
        computation = self._computation
        model = copy.deepcopy(computation.models[place])
        state = {**computation.params, **computation.buffers}
        with torch.no_grad():
            for name, one in (*model.named_parameters(), *model.named_buffers()):
                one.copy_(state[name][place])
        return model


def _initialised(
    make_model: Callable[[], nn.Module], seeds: Sequence[int]
) -> tuple[list[nn.Module], SeedGenerators]:
    """A model per seed, and the random numbers that follow its initialisation."""
    models: list[nn.Module] = []
    generators: SeedGenerators | None = None
    with preserved_generators():
        for seed in seeds:
            seed_everything(seed)
            models.append(make_model())
            if generators is None:
                generators = SeedGenerators(_device_of(models[0]))
            generators.append()
    assert generators is not None
    return models, generators


def _device_of(model: nn.Module) -> torch.device:
    for first in (*model.parameters(), *model.buffers()):
        return first.device
    return torch.device("cpu")


def _losses(result: Any, shape: tuple[int, ...]) -> torch.Tensor:
    if not isinstance(result, torch.Tensor) or tuple(result.shape) != shape:
        given = tuple(result.shape[len(shape) :]) if isinstance(result, torch.Tensor) else result
        raise VectorizedError(
            f"loss_fn(model, batch) has to return one number per seed, not {given!r}"
        )
    return result
