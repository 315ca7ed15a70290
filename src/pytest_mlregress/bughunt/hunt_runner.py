"""`hunt`: run the checks on one program, cheapest first, within a budget."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import torch

from pytest_mlregress.bughunt import registry, suppression
from pytest_mlregress.bughunt.catalogue.gradients import GRAPH_GROWTH
from pytest_mlregress.bughunt.checks import every_check
from pytest_mlregress.bughunt.errors import (
    BughuntError,
    CannotTell,
    InternalError,
    OverBudget,
    UserCodeError,
)
from pytest_mlregress.bughunt.findings import Finding, Findings, Skip, by_severity, merged
from pytest_mlregress.bughunt.program import memory_limit
from pytest_mlregress.bughunt.program.process_state import preserved
from pytest_mlregress.bughunt.program.user_program import ModelT, UserProgram
from pytest_mlregress.bughunt.recording.source_lines import deepest_user_line
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext

every_check.load()


def hunt(
    make_model: Callable[[], ModelT],
    batch: Any,
    *,
    loss_fn: Callable[[ModelT, Any], torch.Tensor],
    make_optimizer: Callable[[ModelT], Any] | None = None,
    train_step: Callable[[ModelT, Any, Any], Any] | None = None,
    evaluate: Callable[[ModelT, Any], Any] | None = None,
    train_batches: Any = None,
    val_batches: Any = None,
    ablate: Sequence[str] = (),
    checks: Collection[str] | None = None,
    suppress: Collection[str] = (),
    budget_s: float = 10.0,
) -> Findings:
    """Look for training bugs in a program; the more of it is given, the more checks apply.

    Args:
        make_model: gives a fresh model.
        batch: any pytree of tensors, or ``make_batch(generator)``.
        loss_fn: ``loss_fn(model, batch)`` does the forward pass and returns the scalar loss.
        make_optimizer: ``make_optimizer(model)`` gives one optimizer, or a pytree of them.
        train_step: ``train_step(model, optimizer, batch)``, the whole step.
        evaluate: ``evaluate(model, val_batches)`` returns a number.
        train_batches: batches that the training sees, for the checks on data.
        val_batches: batches that evaluation sees.
        ablate: dotted names of modules that must matter.
        checks: slugs of the checks to run; None runs all.
        suppress: slugs whose findings are intended.
        budget_s: seconds; what did not fit, or does not apply, is listed in ``.skipped``, also
            where another check of the same slug could answer.

    Returns:
        A list of `Finding`, errors first, with ``.skipped``, ``.suppressed``, ``.errors`` and
        ``.warnings``. Model, optimizer, batch, random states and modes are left as they were.

    Raises:
        BughuntError: the program cannot be built or run, or is too large.
        ValueError: an unknown slug.
    """
    chosen = registry.select(checks)
    registry.require_known(suppress, "suppress")
    program = UserProgram(
        make_model=make_model,
        batch=batch,
        loss_fn=loss_fn,
        make_optimizer=make_optimizer,
        train_step=train_step,
        evaluate=evaluate,
        train_batches=train_batches,
        val_batches=val_batches,
        ablate=ablate,
    )
    with preserved():
        memory_limit.require_room(program)
        with contextlib.closing(HuntContext(program, budget_s, checks or ())) as context:
            return _investigate(context, chosen, checks, suppress)


def _investigate(
    context: HuntContext,
    chosen: Sequence[registry.Check],
    wanted: Collection[str] | None,
    suppress: Collection[str],
) -> Findings:
    try:
        _run_once(context)
    except UserCodeError as error:
        finding = _second_backward(error)
        if finding is None:
            raise
        return Findings([finding])
    findings: list[Finding] = []
    skipped: list[Skip] = []
    answered: set[str] = set()
    unpaid: set[str] = set()
    for check in chosen:
        try:
            found = _ask(check, context)
        except CannotTell as reason:
            skipped += [
                Skip(slug, str(reason))
                for slug in check.slugs
                if wanted is None or slug in wanted or isinstance(reason, InternalError)
            ]
            unpaid.update(check.slugs if isinstance(reason, OverBudget) else ())
            continue
        answered.update(check.slugs)
        findings += [f for f in found if wanted is None or f.check in wanted]
        context.findings = tuple(findings)
    skipped = [replace(skip, partly=skip.check in answered) for skip in dict.fromkeys(skipped)]
    answered -= unpaid  # what another check of the slug has seen is not all that there is to see
    reported, suppressed = suppression.split(merged(findings), suppress)
    reported += suppression.complaints(suppress, suppressed, answered, context.executed_lines())
    return Findings(by_severity(reported), skipped, suppressed)


def _run_once(context: HuntContext) -> None:
    """Record what all checks read, so that a program that does not run is an error, not a skip."""
    _ = context.loss_trace
    if context.program.train_step is not None:
        _ = context.step_trace


def _second_backward(error: BughuntError) -> Finding | None:
    """The finding behind torch's complaint about running backward through an old graph."""
    if "backward through the graph a second time" not in str(error.__cause__):
        return None
    return GRAPH_GROWTH.finding(
        "used again",
        location=deepest_user_line(error.__cause__) if error.__cause__ else None,
        evidence=str(error.__cause__).split(".")[0],
    )


def _ask(check: registry.Check, context: HuntContext) -> list[Finding]:
    for need in check.needs:
        given = getattr(context.program, need)
        if given is None or (isinstance(given, list | tuple) and not given):
            raise CannotTell(f"needs {need}")
    if check.cost != "trace":  # reading what is recorded already costs next to nothing
        context.afford(0.0)
    try:
        return list(check.function(context))
    except BughuntError as error:
        raise CannotTell(f"the program does not run under this check: {error}") from error
    except (CannotTell, MemoryError):
        raise
    except Exception as error:
        raise internal_error(error) from error


def internal_error(error: Exception) -> InternalError:
    """What a hunt says of a check that raised; the project's own tests let it raise instead."""
    return InternalError(f"internal error of the check, please report it: {error!r}")
