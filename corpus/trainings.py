"""A program as its user would train it: a plain loop, and what the guards say while it runs."""

from __future__ import annotations

import time
import warnings

import torch

from pytest_mlregress.bughunt.checks.evaluation.nondeterministic_guard import difference
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.guards import watch
from pytest_mlregress.bughunt.program.default_train_step import with_default_step
from pytest_mlregress.bughunt.program.user_program import UserProgram
from pytest_mlregress.seeding import seed_python_numpy_torch

from .registry import Program
from .scoring import Hunted

STEPS, EVERY = 16, 5


def train(program: Program, seed: int = 0) -> list[torch.Tensor]:
    """`STEPS` steps with an evaluation after every `EVERY` and at the end.

    A program without a step of its own gets that of the textbooks.

    Returns:
        The trained parameters.
    """
    seed_python_numpy_torch(seed)
    subject = _with_step(UserProgram(**program.build()))
    model = subject.make_model()
    optimizer = subject.make_optimizer(model) if subject.make_optimizer else None
    for index, batch in enumerate(subject.training_batches(STEPS), start=1):
        assert subject.train_step is not None
        subject.train_step(model, optimizer, batch)
        if subject.evaluate is not None and (index % EVERY == 0 or index == STEPS):
            subject.evaluate(model, subject.validation_batches())
    return [parameter.detach().clone() for parameter in model.parameters()]


def guard_program(program: Program, seed: int = 0, *, twice: bool = False) -> Hunted:
    """Train a program under the guards, as the plugin does for one seed of a test.

    Args:
        twice: train once more with the same seed and compare, as the plugin does when a test is
            repeated.

    Returns:
        The findings; `failure` tells of an exception, or why the guard stopped listening.
    """
    findings: list[Finding] = []
    failure, started = None, time.process_time()
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with watch() as guard:
            failure = _failure_of_training(program, seed)
        findings += guard.findings
        if twice and failure is None:
            with watch() as again:
                _failure_of_training(program, seed)
            differing = difference(guard.digest.losses, again.digest.losses)
            findings += [] if differing is None else [differing]
    seconds = time.process_time() - started
    return Hunted(program, tuple(findings), seconds, failure or guard.silent)


def _failure_of_training(program: Program, seed: int) -> str | None:
    try:
        train(program, seed)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _with_step(subject: UserProgram) -> UserProgram:
    return subject if subject.train_step is not None else with_default_step(subject)
