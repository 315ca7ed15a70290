"""Losses of which one part is a mean over examples and another a sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from pytest_mlregress.bughunt.catalogue.losses import LOSS_SUM_VS_MEAN
from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.program.isolated_run import IsolatedRun
from pytest_mlregress.bughunt.recording.function_modes import CallMode
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import MEANS_OF_DRAWS
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree


@check(LOSS_SUM_VS_MEAN, cost="replay")
def loss_sum_vs_mean(context: HuntContext) -> Iterator[Finding]:
    """A batch twice over must give the same loss (a mean) or twice the loss (a sum).

    If L(B+B) = M + 2 S with L(B) = M + S gives both a mean part M and a sum part S, for two
    different halves of the batch, and these predict the loss of both halves together exactly,
    the loss mixes the two: its balance depends on the batch size. Parts that do not vary with
    the data (weight penalties), and losses that compare examples with each other, do not fit.
    Dropout, batch statistics and drawn noise are switched off for the measurement.
    """
    try:
        split = _split(context, torch.float64)
    except BughuntError:  # the program insists on its own precision
        split = _split(context, torch.float32)
    mean, total = split.means, split.sums
    if split.fits and split.varies(mean) and split.varies(total):
        yield LOSS_SUM_VS_MEAN.finding(
            location=_last_reductions(context),
            evidence=f"on half of the batch the mean part is {mean[0]:.4g} and the sum part "
            f"{total[0]:.4g}; they predict the whole batch's loss {split.both:.6g} as "
            f"{split.predicted:.6g}",
        )


@dataclass(frozen=True)
class _Split:
    """The mean parts and sum parts of two halves of a batch, and the loss of both together."""

    means: tuple[float, float]
    sums: tuple[float, float]
    both: float
    rounding: float

    @property
    def predicted(self) -> float:
        """The loss of both halves together, if the parts are what they seem."""
        return sum(self.means) / 2 + sum(self.sums)

    @property
    def fits(self) -> bool:
        """Whether the prediction is exact."""
        return abs(self.predicted - self.both) < 1e3 * self.rounding * abs(self.both)

    def varies(self, part: tuple[float, float]) -> bool:
        """Whether a part is there at all and depends on the data, well beyond rounding."""
        noise = 1e3 * self.rounding * abs(self.both)
        return min(map(abs, part)) > noise and abs(part[0] - part[1]) > max(
            noise, 1e-4 * abs(part[0])
        )


def _split(context: HuntContext, dtype: torch.dtype) -> _Split:
    def cast(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(dtype) if tensor.dtype == torch.float32 else tensor

    one, other = (
        pytrees.map_tensors(cast, half) for half in _halves(context.program.fresh_batch())
    )
    with context.isolated_run() as isolated:
        isolated.model.eval().to(dtype)
        first, second = _parts(isolated, one), _parts(isolated, other)
        both = _loss(isolated, _join(one, other))
    means, sums = zip(first, second, strict=True)
    return _Split(means, sums, both, torch.finfo(dtype).eps)


def _parts(isolated: IsolatedRun, batch: PyTree) -> tuple[float, float]:
    """(mean part, sum part) of the loss of a batch."""
    single, double = _loss(isolated, batch), _loss(isolated, _join(batch, batch))
    return 2 * single - double, double - single


def _loss(isolated: IsolatedRun, batch: PyTree) -> float:
    with torch.no_grad(), _Quiet():
        values = {float(isolated.loss(pytrees.fresh(batch))) for _ in range(2)}
    if len(values) != 1:
        raise CannotTell("the loss is random")
    return values.pop()


class _Quiet(CallMode):
    """Replaces drawn noise by its mean, so that a batch twice over meets the same noise twice."""

    def on_call(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        output = func(*args, **kwargs)
        mean = MEANS_OF_DRAWS.get(getattr(func, "__name__", ""))
        return output if mean is None else torch.full_like(output, mean)


def _halves(batch: PyTree) -> tuple[PyTree, PyTree]:
    sizes = {t.shape[0] for t in pytrees.tensors(batch) if t.dim() > 0}
    if len(sizes) != 1 or min(sizes) < 4:
        raise CannotTell("the tensors of the batch have no common first axis of at least four")
    half = min(sizes) // 2
    first = pytrees.map_tensors(lambda t: t[:half] if t.dim() else t, batch)
    return first, pytrees.map_tensors(lambda t: t[half : 2 * half] if t.dim() else t, batch)


def _join(one: PyTree, other: PyTree) -> PyTree:
    others = iter(pytrees.tensors(other))

    def joined(tensor: torch.Tensor) -> torch.Tensor:
        following = next(others)
        return torch.cat([tensor, following]) if tensor.dim() else tensor

    return pytrees.map_tensors(joined, one)


def _last_reductions(context: HuntContext) -> str | None:
    """The last call that reduces by a sum, else the last that reduces at all."""
    reductions = [c for c in context.loss_trace.calls if c.name in ("sum", "mean")]
    sums = [c for c in reductions if c.name == "sum" and _is_scalar(c.output)]
    chosen = sums or reductions
    return chosen[-1].location if chosen else None


def _is_scalar(output: object) -> bool:
    return isinstance(output, torch.Tensor) and output.dim() == 0
