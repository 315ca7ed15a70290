"""Where a tensor came from: the recorded calls that made it, looking through mere reshaping."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import torch

from pytest_mlregress.bughunt.recording.recorder import RecordedCall
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import SHAPE


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
