"""Residuals: differences of predictions and data, by hand or inside of torch's losses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch

from pytest_mlregress.bughunt.catalogue.learning import NO_SINGLE_BATCH_OVERFIT
from pytest_mlregress.bughunt.catalogue.losses import WRONG_LOSS_SIGN
from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.function_modes import CallMode
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.loss_calls import LossCall, made_by_parameters
from pytest_mlregress.bughunt.replaying.objective import clipped_difference
from pytest_mlregress.bughunt.replaying.output_range import bounds
from pytest_mlregress.bughunt.replaying.residual_terms import residuals
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.loss_functions import EXPECTS
from pytest_mlregress.bughunt.torch_api.operators import COMBINATIONS, SUBTRACTIONS
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree

_NEAR, _FAR = 1e2, 1e4
_OUT_OF_REACH = 0.5


@check(WRONG_LOSS_SIGN, cost="replay")
def falls_as_residuals_grow(context: HuntContext) -> Iterator[Finding]:
    """A loss that falls as all residuals grow rewards predictions for leaving the data.

    The residuals are made a hundred and ten thousand times larger, upward and downward; it must
    fall both ways, in proportion or faster.

    A policy's loss is linear in its residual, too: it falls one way and rises the other. What is
    bounded in the residual (kernels, robust losses) says nothing, and where numbers of the batch
    negated (advantages) end the fall, the data decide on the sign.
    """
    if any(finding.check == "wrong-loss-sign" for finding in context.findings):
        raise CannotTell("the sign of the loss is reported already")
    found = residuals(context)
    if not found:
        return
    context.afford(5 * context.loss_trace.seconds)
    orders = {residual.call.order for residual in found}
    fall = _fall(context, orders, context.program.fresh_batch())
    if fall is None or _data_decide(context, orders):
        return
    residual = found[0]
    start, up, down = fall
    yield WRONG_LOSS_SIGN.finding(
        "residual",
        module=residual.call.module,
        location=_last_judgement(context) or residual.call.location,
        evidence=f"loss {start:.4g} with all residuals 0; {up:.4g} and {down:.4g} with residuals "
        f"of {_NEAR:g} and -{_NEAR:g} times their size",
    )


def _fall(
    context: HuntContext, orders: set[int], batch: PyTree
) -> tuple[float, float, float] | None:
    """The loss without residuals, with large and with large negated ones.

    Only if it falls both ways and no slower than in proportion.
    """
    start = _loss(context, orders, 0.0, batch)
    reached = []
    for sign in (1.0, -1.0):
        near, far = (_loss(context, orders, sign * scale, batch) for scale in (_NEAR, _FAR))
        if not (far < near < start and start - far >= 10 * (start - near)):
            return None
        reached.append(near)
    return start, reached[0], reached[1]


def _data_decide(context: HuntContext, orders: set[int]) -> bool:
    batch = context.program.fresh_batch()
    return any(
        _fall(context, orders, pytrees.replace(pytrees.fresh(batch), path, -leaf.detach())) is None
        for path, leaf in pytrees.leaves(batch)
        if isinstance(leaf, torch.Tensor) and leaf.is_floating_point()
    )


def _loss(context: HuntContext, orders: set[int], scale: float, batch: PyTree) -> float:
    """The loss with the chosen differences multiplied; NaN where the program does not run."""
    alike = [call.order for call in context.loss_trace.calls if call.name in SUBTRACTIONS]
    chosen = {index for index, order in enumerate(alike) if order in orders}
    with context.isolated_run() as isolated, torch.no_grad(), _Scaled(chosen, scale):
        try:
            return float(isolated.loss(pytrees.fresh(batch)))
        except BughuntError:
            return math.nan


class _Scaled(CallMode):
    """Multiplies the results of chosen differences, counted in the order of their calls."""

    def __init__(self, chosen: set[int], scale: float) -> None:
        super().__init__()
        self.chosen = chosen
        self.scale = scale
        self.count = -1

    def on_call(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        output = func(*args, **kwargs)
        if getattr(func, "__name__", "") in SUBTRACTIONS:
            self.count += 1
            if self.count in self.chosen:
                return output * self.scale
        return output


def _last_judgement(context: HuntContext) -> str | None:
    """The line of the last call behind the loss that is no mere total."""
    totals = COMBINATIONS | {"sum", "mul"}
    behind = context.loss_trace.provenance.behind(context.loss_trace.loss)
    return next((call.location for call in behind if call.name not in totals), None)


@check(NO_SINGLE_BATCH_OVERFIT, cost="replay")
def targets_out_of_reach(context: HuntContext) -> Iterator[Finding]:
    """Most targets lie outside of what the function behind the last layer can give.

    A sigmoid on the output of a regression, a rectifier where targets are negative.

    Bounded is what does not grow when the last layer does, ten thousandfold. What is clipped to
    lie near an earlier prediction, as the values of PPO are, is meant to be bounded.

    Raises:
        CannotTell: a difference is clipped on its way to the loss.
    """
    for loss in _regressions(context):
        target = loss.target.detach()
        if not target.is_floating_point() or not target.numel():
            continue
        context.afford(4 * context.loss_trace.seconds)
        try:
            low, high = bounds(context, loss)
        except CannotTell:
            continue
        room = 0.01 * (high - low) if math.isfinite(high - low) else 1e-3
        outside = float(((target < low - room) | (target > high + room)).double().mean())
        if outside < _OUT_OF_REACH:
            continue
        reason = clipped_difference(loss.input, loss.provenance)
        if reason is not None:
            raise CannotTell(reason)
        source = loss.provenance.source(loss.input, loss.call)
        yield NO_SINGLE_BATCH_OVERFIT.finding(
            "out of reach",
            module=source.module if source is not None else None,
            location=source.location if source is not None else loss.call.location,
            evidence=f"predictions lie between {low:.4g} and {high:.4g} whatever the last layer's "
            f"weights, {outside:.0%} of the targets do not",
        )
        return


def _regressions(context: HuntContext) -> Iterator[LossCall]:
    """Torch's losses of values against data, then the residuals."""
    trace = context.loss_trace
    for call in trace.calls:
        if EXPECTS.get(call.name) != "values" or call.name == "poisson_nll_loss":
            continue
        given = inputs(call)
        if len(given) < 2 or not given[0].requires_grad or given[1].requires_grad:
            continue
        if not made_by_parameters(trace.provenance, given[1], call):
            yield LossCall(call, given[0], given[1], trace.provenance)
    yield from residuals(context)
