"""One function of a model and a batch, computed for all seeds at once or for one alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch import nn
from torch.func import functional_call, stack_module_state

from pytest_mlregress.vectorized.errors import VectorizedError
from pytest_mlregress.vectorized.nests import (
    PerSeed,
    map_leaves,
    map_tensors,
    seed_axes,
    tensors_in,
)
from pytest_mlregress.vectorized.seeded_random import (
    OrderedRandomness,
    SeededRandomness,
    SeedGenerators,
)

OfBatch = Callable[[Any, Any], Any]
"""A user's function of a model, of whatever class, and a batch: a loss, or a metric."""

_MODEL: Final = "model."
_RANDOM: Final = "randomness error mode"
"""In torch.vmap's complaint about a random operation."""


@dataclass(slots=True)
class Computed:
    """What a function gave.

    Attributes:
        result: what it returned; of all seeds with shape ``(seeds, ...)`` per tensor.
        buffers: the model's buffers afterwards, by name; of all seeds ``(seeds, ...)`` each.
        layers: the outputs of the modules in the order in which they ended, where that was asked:
            pairs of a module's name and a tensor.
    """

    result: Any
    buffers: dict[str, torch.Tensor]
    layers: list[tuple[str, torch.Tensor]] = field(default_factory=list)


class _OfModel(nn.Module):
    """The user's function as a module, whose parameters `functional_call` can replace."""

    def __init__(self, model: nn.Module, function: OfBatch, traced: bool) -> None:
        super().__init__()
        self.model = model
        self._function = function
        self._traced = traced
        self.names: list[str] = []

    def forward(self, batch: Any) -> tuple[Any, dict[str, torch.Tensor], list[torch.Tensor]]:
        """The result, the buffers afterwards, and the outputs of the modules."""
        outputs: list[torch.Tensor] = []
        self.names.clear()
        with ExitStack() as exits:
            if self._traced:
                self._listen(outputs, exits)
            result = _as_tensors(self._function(self.model, batch))
        return result, dict(self.model.named_buffers()), outputs

    def _listen(self, outputs: list[torch.Tensor], exits: ExitStack) -> None:
        for name, module in self.model.named_modules():

            def note(_: nn.Module, __: Any, output: Any, name: str = name) -> None:
                for tensor in tensors_in(output):
                    self.names.append(name)
                    outputs.append(tensor)

            exits.callback(module.register_forward_hook(note).remove)


class Computation:
    """The models of all seeds, stacked, and what is computed with them.

    Args:
        models: the model of each seed; the same but for the values of parameters and buffers.
        generators: the random numbers of each seed.

    Attributes:
        params: by name the parameters of all seeds, shape ``(seeds, ...)`` each.
        buffers: by name the buffers of all seeds, shape ``(seeds, ...)`` each.
        generators: the random numbers of each seed.

    Raises:
        VectorizedError: the models differ in more than values.
    """

    def __init__(self, models: Sequence[nn.Module], generators: SeedGenerators) -> None:
        self.models = list(models)
        self.generators = generators
        try:
            params, buffers = stack_module_state(self.models)
        except RuntimeError as error:
            raise VectorizedError(
                "make_model() gives models that differ in more than the values of their "
                f"parameters, so that they cannot be stacked: {_first_line(error)}"
            ) from None
        self.params: dict[str, torch.Tensor] = params
        self.buffers: dict[str, torch.Tensor] = buffers
        self._random: set[bool] = set()  # the modes in which random numbers are drawn

    @property
    def seeds(self) -> int:
        """How many seeds there are."""
        return len(self.generators)

    def together(self, function: OfBatch, batch: Any, *, traced: bool = False) -> Computed:
        """Compute a function for all seeds at once.

        Args:
            function: of a model and a batch.
            batch: the same for all seeds, or `PerSeed`.
            traced: whether the outputs of the modules are kept.

        Returns:
            What it gave.

        Raises:
            VectorizedError: torch cannot compute it for several seeds at once.
        """
        try:
            return self._together(function, batch, traced=traced)
        except RuntimeError as error:
            before = self.generators.copies()
            self.alone(0, function, batch)  # an error of the user's own comes from here, too
            self.generators.restore(before)
            if isinstance(error, VectorizedError):
                raise
            raise VectorizedError(
                f"torch.vmap cannot compute {_name_of(function)} for several seeds at once: "
                f"{_first_line(error)}; use vectorized=False"
            ) from error

    def _together(self, function: OfBatch, batch: Any, *, traced: bool) -> Computed:
        key = self.models[0].training
        if key not in self._random:
            try:
                return self._vmap(function, batch, traced=traced, randomness="error")
            except RuntimeError as error:
                if _RANDOM not in str(error):
                    raise
            self._random.add(key)
        with SeededRandomness(self.generators):
            # A shared batch is given to each seed, since a mask of it is another for each.
            own = batch if isinstance(batch, PerSeed) else PerSeed(self._expanded(batch))
            return self._vmap(function, own, traced=traced, randomness="different")

    def _vmap(self, function: OfBatch, batch: Any, *, traced: bool, randomness: str) -> Computed:
        call = _OfModel(self.models[0], function, traced)

        def of_seed(params: Any, buffers: Any, given: Any) -> Any:
            return functional_call(call, _prefixed(params, buffers), (given,))

        of_seeds = isinstance(batch, PerSeed)
        given = batch.batch if of_seeds else batch
        dims = seed_axes(given) if of_seeds else None
        buffers = {name: buffer.clone() for name, buffer in self.buffers.items()}
        result, buffers, layers = torch.vmap(of_seed, in_dims=(0, 0, dims), randomness=randomness)(
            self.params, buffers, given
        )
        return Computed(result, buffers, list(zip(call.names, layers, strict=True)))

    def _expanded(self, batch: Any) -> Any:
        return map_tensors(lambda tensor: tensor.expand(self.seeds, *tensor.shape), batch)

    def alone(
        self,
        place: int,
        function: OfBatch,
        batch: Any,
        *,
        traced: bool = False,
        ordered: bool = False,
    ) -> tuple[Computed, dict[str, torch.Tensor]]:
        """Compute a function for one seed, as a single run does.

        Args:
            place: the place of the seed, from 0.
            function: of a model and a batch.
            batch: the same for all seeds, or `PerSeed`.
            traced: whether the outputs of the modules are kept.
            ordered: whether random numbers are drawn in the order of `together`, which for a tensor
                that is not contiguous is not that of a single run.

        Returns:
            What it gave, and the parameters of the seed, which collect the gradients.
        """
        model = self.models[place]
        call = _OfModel(model, function, traced)
        params = {
            name: stacked.detach()[place].clone().requires_grad_(stacked.requires_grad)
            for name, stacked in self.params.items()
        }
        buffers = {name: stacked[place].clone() for name, stacked in self.buffers.items()}
        given = batch.of(place) if isinstance(batch, PerSeed) else batch
        mode: Any = OrderedRandomness if ordered else nullcontext
        with self.generators.of(place), mode():
            result, buffers, layers = functional_call(call, _prefixed(params, buffers), (given,))
        return Computed(result, buffers, list(zip(call.names, layers, strict=True))), params

    def one_by_one(self, function: OfBatch, batch: Any) -> tuple[list[Computed], list[Any]]:
        """Compute a function for all seeds, one after the other.

        Args:
            function: of a model and a batch.
            batch: the same for all seeds, or `PerSeed`.

        Returns:
            What it gave for each seed, and the parameters of each.
        """
        each = [self.alone(place, function, batch) for place in range(self.seeds)]
        return [computed for computed, _ in each], [params for _, params in each]

    def stacked(self, each: Sequence[Computed]) -> Computed:
        """What a function gave for each seed, as `together` returns it.

        Args:
            each: one per seed.

        Returns:
            The same with shape ``(seeds, ...)`` per tensor.
        """
        results = [tensors_in(one.result) for one in each]
        columns = iter([torch.stack(column) for column in zip(*results, strict=True)])
        return Computed(
            map_tensors(lambda _: next(columns), each[0].result),
            {name: torch.stack([one.buffers[name] for one in each]) for name in self.buffers},
        )


def _prefixed(params: Mapping[str, Any], buffers: Mapping[str, Any]) -> dict[str, Any]:
    return {_MODEL + name: value for name, value in (*params.items(), *buffers.items())}


def _as_tensors(nest: Any) -> Any:
    """A number that a user's function returns is a tensor to torch.vmap."""

    def of_other(leaf: Any) -> Any:
        return torch.tensor(leaf) if isinstance(leaf, (bool, int, float)) else leaf

    return map_leaves(lambda tensor: tensor, of_other, nest)


def _name_of(function: OfBatch) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
