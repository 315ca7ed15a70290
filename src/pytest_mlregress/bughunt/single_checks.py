"""One check at a time, on a model that exists already."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from pytest_mlregress.bughunt.catalogue.learning import NO_SINGLE_BATCH_OVERFIT
from pytest_mlregress.bughunt.checks.learning.single_batch_overfit import LEARNED, score_of
from pytest_mlregress.bughunt.findings import Finding, Findings
from pytest_mlregress.bughunt.hunt_runner import hunt
from pytest_mlregress.bughunt.program.isolated_run import IsolatedRun
from pytest_mlregress.bughunt.program.user_program import ModelT, UserProgram
from pytest_mlregress.bughunt.replaying.weighted_output_sum import uneven_sum
from pytest_mlregress.bughunt.torch_api.optimizers import adam

LOGIT_CHECKS = (
    "softmax-into-cross-entropy",
    "double-softmax",
    "sigmoid-into-bce-with-logits",
    "probabilities-into-nll",
    "logits-into-nll",
    "dropout-on-logits",
    "relu-on-logits",
    "swapped-loss-arguments",
    "wrong-softmax-dim",
    "missing-output-bias",
)


def check_logits(
    model: ModelT,
    batch: Any,
    loss_fn: Callable[[ModelT, Any], torch.Tensor],
    *,
    suppress: Collection[str] = (),
) -> Findings:
    """Is each loss given what it expects: logits, log-probabilities, probabilities?

    The model is left as it was. Raises what `hunt` raises.
    """
    return hunt(lambda: model, batch, loss_fn=loss_fn, checks=LOGIT_CHECKS, suppress=suppress)


def check_view_permute(
    model: ModelT,
    batch: Any,
    loss_fn: Callable[[ModelT, Any], torch.Tensor] | None = None,
    *,
    suppress: Collection[str] = (),
) -> Findings:
    """Does some view or reshape regroup elements where a permute was intended?

    Without a loss the forward pass alone is judged, and the batch is what the model takes: a
    tensor, a tuple of arguments or a dict of keywords, examples along the first axis.
    The model is left as it was. Raises what `hunt` raises.
    """
    return hunt(
        lambda: model,
        batch,
        loss_fn=loss_fn or uneven_sum,
        checks=["view-instead-of-permute"],
        suppress=suppress,
    )


def overfit_single_batch(
    model: ModelT,
    batch: Any,
    loss_fn: Callable[[ModelT, Any], torch.Tensor],
    *,
    optimizer: Optimizer | Callable[[ModelT], Optimizer] | None = None,
    steps: int = 200,
    target: float | None = None,
) -> Findings:
    """Can the model memorise one batch, or the few batches of a small data set?

    Args:
        model: left as it was, together with the optimizer.
        batch: one batch, ``make_batch(generator)``, or a ``DataLoader`` whose batches are taken
            in turn.
        loss_fn: ``loss_fn(model, batch)``, the scalar loss.
        optimizer: one on the model's parameters, or a function that makes one; None is Adam with
            learning rate 1e-2.
        steps: how many.
        target: the loss that must be reached. None: clearly less than the best constant guess
            has, or, where the targets are not known, less than at the start.

    Returns:
        One finding of severity ``"error"`` if it cannot, else none.

    Raises:
        BughuntError: loss_fn fails or returns no scalar.
    """
    batches = list(batch) if isinstance(batch, DataLoader) else None
    program = UserProgram(
        make_model=lambda: model, batch=batch if batches is None else batches[0], loss_fn=loss_fn
    )
    state = copy.deepcopy(optimizer.state_dict()) if isinstance(optimizer, Optimizer) else None
    try:
        with IsolatedRun(program) as isolated:
            stepper = _optimizer(isolated.model, optimizer)
            data = [isolated.batch] if batches is None else batches
            before = [score_of(isolated, each) for each in data]
            for step in range(steps):
                stepper.zero_grad()
                isolated.loss(data[step % len(data)]).backward()  # type: ignore[no-untyped-call]
                stepper.step()
            after = [score_of(isolated, each) for each in data]
    finally:
        if isinstance(optimizer, Optimizer) and state is not None:
            optimizer.load_state_dict(state)
    failed = [
        f"{start.loss:.4g} → {end.loss:.4g}"
        + (f" (the best constant gives {end.guess:.4g})" if end.guess is not None else "")
        for start, end in zip(before, after, strict=True)
        if (end.progress(start) >= LEARNED if target is None else not end.loss <= target)
    ]
    return Findings([_finding(failed, len(data), steps, target)] if failed else [])


def _optimizer(model: nn.Module, given: Optimizer | Callable[[Any], Optimizer] | None) -> Optimizer:
    if isinstance(given, Optimizer):
        return given
    if given is not None:
        return given(model)
    return adam(model.parameters(), 1e-2)


def _finding(failed: list[str], count: int, steps: int, target: float | None) -> Finding:
    wanted = "" if target is None else f", wanted at most {target:g}"
    return NO_SINGLE_BATCH_OVERFIT.finding(
        "single check",
        evidence=f"loss {'; '.join(failed[:3])}{wanted}",
        failed=len(failed),
        count=count,
        steps=steps,
    )
