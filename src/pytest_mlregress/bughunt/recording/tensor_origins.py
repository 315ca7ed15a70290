"""Where a tensor came from: the recorded calls that made it, looking through mere reshaping."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

import torch
from torch import nn

from pytest_mlregress.bughunt.recording.torch_call import Numbers
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import SHAPE

if TYPE_CHECKING:
    from pytest_mlregress.bughunt.recording.recorder import RecordedCall

Made = TypeVar("Made")


class TensorOrigins(Protocol[Made]):
    """Where tensors came from, for questions that hunts and guards ask alike.

    What made a tensor is a recorded call in a hunt (`Provenance`) and a node of the autograd
    graph in a guard (`listening.node_marks.NodeMarks`).
    """

    def source(
        self,
        tensor: torch.Tensor,
        before: Made | None = None,
        through: Collection[str] = SHAPE,
    ) -> Made | None:
        """What last did more to a tensor than those named in `through`; None for a leaf or data.

        Args:
            tensor: in whose values the question is.
            before: of several that wrote one tensor, the last before this; graphs know it.
            through: names of what is looked through, along the first operand.
        """

    def name(self, made: Made) -> str:
        """The name of the function; ``""`` where it is unknown."""

    def numbers(self, made: Made) -> Numbers:
        """`TorchCall.numbers` of the call."""

    def count(self, made: Made) -> int:
        """How many tensors it was given, as far as gradients flow through the call."""

    def operand(self, made: Made, index: int, through: Collection[str] = SHAPE) -> Made | None:
        """The `source` of one of the tensors that it was given."""

    def identity(self, made: Made, index: int) -> object:
        """The same for the same operand of two calls; None where there is no telling."""

    def takes_parameter(self, made: Made, index: int) -> bool:
        """Whether an operand is a parameter, at most reshaped."""


class Provenance:
    """Answers which call made a tensor; built from calls that kept their tensors."""

    def __init__(self, calls: Iterable[RecordedCall]) -> None:
        self._writers: dict[int, list[RecordedCall]] = {}
        self._readers: dict[int, list[RecordedCall]] = {}
        for call in calls:
            for tensor in pytrees.tensors(call.output):
                self._writers.setdefault(id(tensor), []).append(call)
            for tensor in inputs(call):
                self._readers.setdefault(id(tensor), []).append(call)

    def producer(
        self, tensor: torch.Tensor, before: RecordedCall | None = None
    ) -> RecordedCall | None:
        """The last call that returned this very tensor (before another call, if given)."""
        writers = self._writers.get(id(tensor), [])
        earlier = [w for w in writers if before is None or w.order < before.order]
        return earlier[-1] if earlier else None

    def source(
        self,
        tensor: torch.Tensor,
        before: RecordedCall | None = None,
        through: Collection[str] = SHAPE,
    ) -> RecordedCall | None:
        """The last call that did more than those named in `through`; None for a leaf or data."""
        call = self.producer(tensor, before)
        while call is not None and call.name in through:
            behind = inputs(call)
            if not behind:
                return None
            call = self.producer(behind[0], call)
        return call

    def origin(self, tensor: torch.Tensor, before: RecordedCall | None = None) -> torch.Tensor:
        """The tensor itself with all reshaping undone: a leaf, data, or a call's output."""
        call = self.producer(tensor, before)
        while call is not None and call.name in SHAPE and inputs(call):
            tensor = inputs(call)[0]
            call = self.producer(tensor, call)
        return tensor

    def name(self, made: RecordedCall) -> str:
        """The name of the function that was called."""
        return made.name

    def numbers(self, made: RecordedCall) -> Numbers:
        """`TorchCall.numbers` of the call."""
        return made.numbers

    def count(self, made: RecordedCall) -> int:
        """How many tensors it was given."""
        return len(inputs(made))

    def operand(
        self, made: RecordedCall, index: int, through: Collection[str] = SHAPE
    ) -> RecordedCall | None:
        """The `source` of one of the tensors that it was given; None where there are fewer."""
        given = inputs(made)
        return self.source(given[index], made, through) if index < len(given) else None

    def identity(self, made: RecordedCall, index: int) -> object:
        """The ``id`` of an operand."""
        return id(inputs(made)[index])

    def takes_parameter(self, made: RecordedCall, index: int) -> bool:
        """Whether an operand is a parameter, at most reshaped."""
        return isinstance(self.origin(inputs(made)[index], made), nn.Parameter)

    def readers(self, tensor: torch.Tensor) -> list[RecordedCall]:
        """The calls that took this very tensor as an argument."""
        return self._readers.get(id(tensor), [])

    def behind(
        self, tensor: torch.Tensor, before: RecordedCall | None = None
    ) -> Iterator[RecordedCall]:
        """Every call that contributed to a tensor, nearest first."""
        seen: set[int] = set()
        queue = [(tensor, before)]
        while queue:
            current, limit = queue.pop(0)
            call = self.producer(current, limit)
            if call is None or call.order in seen:
                continue
            seen.add(call.order)
            yield call
            queue += [(behind, call) for behind in inputs(call)]


def inputs(call: RecordedCall) -> list[torch.Tensor]:
    """The tensors that a call was given, in order."""
    return pytrees.tensors((call.arguments, call.keywords))
