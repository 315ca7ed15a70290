"""What the user gave to a hunt, normalised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import torch
from torch import nn

from pytest_mlregress.bughunt.errors import BughuntError
from pytest_mlregress.bughunt.program.model_factory import ModelSource
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree

ModelT = TypeVar("ModelT", bound=nn.Module)
"""The class of the user's model, which their functions may name in place of ``nn.Module``."""

MakeModel = Callable[[], nn.Module]
LossFunction = Callable[[Any, PyTree], torch.Tensor]
TrainStep = Callable[[Any, Any, PyTree], Any]
Evaluate = Callable[[Any, Any], Any]


@dataclass(frozen=True, kw_only=True)
class UserProgram:
    """The user's program: how to build it, its data, and the functions that run it.

    `batch` is a pytree of tensors, or a function ``make_batch(generator)`` that draws one.
    """

    make_model: MakeModel
    batch: Any
    loss_fn: LossFunction
    make_optimizer: Callable[[Any], Any] | None = None
    train_step: TrainStep | None = None
    evaluate: Evaluate | None = None
    train_batches: Any = None
    val_batches: Any = None
    ablate: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("make_model", "loss_fn", "make_optimizer", "train_step", "evaluate"):
            given = getattr(self, name)
            if given is None and name not in ("make_model", "loss_fn"):
                continue
            if not callable(given) or (name == "make_model" and isinstance(given, nn.Module)):
                raise BughuntError(
                    f"{name} must be a function, not a {type(given).__name__}: "
                    f"pass `lambda: ...` that builds it afresh"
                )

    @cached_property
    def models(self) -> ModelSource:
        """The source of the models of all replays."""
        return ModelSource(self.make_model)

    @property
    def functions(self) -> list[Callable[..., Any] | None]:
        """Every function that the user gave."""
        given = (self.make_model, self.loss_fn, self.make_optimizer, self.train_step)
        return [*given, self.evaluate, self.batch if self.draws_batches else None]

    @property
    def draws_batches(self) -> bool:
        """Whether new batches can be drawn, because the user gave ``make_batch(generator)``."""
        return callable(self.batch) and not isinstance(self.batch, nn.Module)

    def fresh_batch(self, seed: int = 0) -> PyTree:
        """The batch, sharing no memory with the user's; drawn with `seed` if it can be drawn."""
        if not self.draws_batches:
            return pytrees.fresh(self.batch)
        return self.batch(torch.Generator().manual_seed(seed))

    def training_batches(self, count: int) -> Iterator[PyTree]:
        """`count` batches for training: drawn, from ``train_batches``, or the one, repeated."""
        if self.draws_batches:
            yield from (self.fresh_batch(seed) for seed in range(count))
            return
        given = [] if self.train_batches is None else _first(self.train_batches, count)
        for index in range(count):
            yield pytrees.fresh(given[index % len(given)]) if given else self.fresh_batch()

    def validation_batches(self) -> Any:
        """What ``evaluate`` is called with: ``val_batches``, or a list of the one batch."""
        if self.val_batches is None:
            return [self.fresh_batch()]
        if isinstance(self.val_batches, list | tuple):
            return pytrees.fresh(self.val_batches)
        return self.val_batches


def _first(batches: Any, count: int) -> list[PyTree]:
    found: list[PyTree] = []
    for batch in batches:
        found.append(batch)
        if len(found) == count:
            break
    return found
