"""Does what training makes answer better than the best constant would?"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from pytest_mlregress.bughunt.catalogue.learning import NOT_ABOVE_TRIVIAL
from pytest_mlregress.bughunt.checks.learning.single_batch_overfit import LEARNED
from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.program.isolated_run import IsolatedRun
from pytest_mlregress.bughunt.recording.recorder import RecordedCall, Recorder
from pytest_mlregress.bughunt.recording.source_lines import of_function
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.constant_predictor import Score, pooled_score
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.module_modes import in_mode
from pytest_mlregress.bughunt.torch_api.optimizers import adam
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree

STEPS = 100
MOST_BATCHES = 4
TRIVIAL = 0.98
_EXPLAINS = frozenset(
    ["no-single-batch-overfit", "constant-output", "missing-eval-mode", "missing-train-mode"]
)


@check(NOT_ABOVE_TRIVIAL, cost="training", needs=("train_step",))
def not_above_trivial(context: HuntContext) -> Iterator[Finding]:
    """After many of the user's own steps the model is no better than the best constant.

    The constant is the majority class (with its rate), the mean or the unigram of the very data
    that was trained on, so there is no other data to blame. Two ways to fail. The model learned in
    training mode and answers no better than a constant in evaluation mode, though its running
    statistics have settled. Or it learned in neither on several batches, came to a halt, and Adam
    learns the same batches with the same loss. Silent where another check says why.
    """
    if any(finding.check in _EXPLAINS for finding in context.findings):
        raise CannotTell("another check says why the model does not learn")
    if len(context.step_trace.optimizers) > 1:
        raise CannotTell("several optimizers: what loss_fn measures is not what all minimise")
    context.afford((STEPS + 10) * context.step_seconds)
    batches = list(context.program.training_batches(MOST_BATCHES))
    own = _train(context, batches, lambda isolated: isolated.step)
    if own.lost_in_evaluation:
        yield _finding(context, own, "")
    elif own.stuck and len(batches) > 1:
        context.afford((STEPS + 10) * context.step_seconds)
        other = _train(context, batches, _adam)
        if other.end.training.progress(own.start.training) < LEARNED:
            yield _finding(context, own, "train_step")


@dataclass(frozen=True)
class Modes:
    """The score on all batches in training mode and in evaluation mode."""

    training: Score
    evaluation: Score

    @property
    def learned(self) -> bool:
        """Whether it is clear that there is nothing to report."""
        return max(self.training.progress(self.training), self._evaluated) < LEARNED

    @property
    def lost(self) -> bool:
        """Whether what training mode knows well, evaluation mode does not know at all."""
        return self.training.progress(self.training) < LEARNED / 2 and self._evaluated > TRIVIAL

    @property
    def trivial(self) -> bool:
        """Whether neither is better than a constant."""
        return min(self.training.progress(self.training), self._evaluated) > TRIVIAL

    @property
    def _evaluated(self) -> float:
        return self.evaluation.progress(self.evaluation)


@dataclass(frozen=True)
class Course:
    """One training: scores at three moments, and how far buffers moved between the last two."""

    start: Modes
    middle: Modes
    end: Modes
    settled: bool

    @property
    def lost_in_evaluation(self) -> bool:
        """Whether evaluation mode loses what was learned, then and now."""
        return self.settled and self.middle.lost and self.end.lost

    @property
    def stuck(self) -> bool:
        """Whether it came to a halt at or above the constant."""
        one, other = self.middle.training.value, self.end.training.value
        return self.middle.trivial and self.end.trivial and other >= one - 1e-3 * abs(one)


def _train(
    context: HuntContext,
    batches: list[PyTree],
    stepper: Callable[[IsolatedRun], Callable[[PyTree], object]],
) -> Course:
    with context.isolated_run() as isolated:
        step = stepper(isolated)
        moments = [_modes(isolated, batches)]
        buffers = [_statistics(isolated.model)]
        queue = itertools.cycle(batches)
        for part in (STEPS // 5, STEPS * 3 // 10, STEPS // 2):
            for batch in itertools.islice(queue, part):
                step(pytrees.fresh(batch))
                context.afford(0.0)
            moments.append(_modes(isolated, batches))
            buffers.append(_statistics(isolated.model))
            if moments[-1].learned:
                break
    settled = _settled(buffers[-2], buffers[-1])
    return Course(moments[0], moments[-2], moments[-1], settled)


def _adam(isolated: IsolatedRun) -> Callable[[PyTree], object]:
    optimizer = adam(isolated.model.parameters(), 1e-2)

    def step(batch: PyTree) -> None:
        optimizer.zero_grad()
        isolated.loss(batch).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _modes(isolated: IsolatedRun, batches: list[PyTree]) -> Modes:
    return Modes(
        _score(isolated, batches, training=True), _score(isolated, batches, training=False)
    )


def _score(isolated: IsolatedRun, batches: list[PyTree], *, training: bool) -> Score:
    """On all batches together, in one mode, without disturbing the program."""
    recorded: list[list[RecordedCall]] = []
    with in_mode(isolated.model, training), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        for batch in batches:
            recorder = Recorder(phase="loss")
            with recorder.listening(isolated.model):
                try:
                    isolated.loss(pytrees.fresh(batch))
                except BughuntError as error:
                    raise CannotTell(f"loss_fn does not run in both modes: {error}") from error
            recorded.append(recorder.calls)
    found = pooled_score(recorded)
    if found is None or found.guess is None or found.guess - found.floor < 1e-2:
        raise CannotTell("no best constant is known for what the loss compares with")
    return found


def _statistics(model: nn.Module) -> list[torch.Tensor]:
    return [b.detach().double().clone() for b in model.buffers() if b.is_floating_point()]


def _settled(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    """Whether no buffer moved by more than a tenth of its size."""
    pairs = zip(one, other, strict=False)
    return all(a.shape == b.shape and (a - b).norm() <= 0.1 * b.norm() + 1e-6 for a, b in pairs)


def _finding(context: HuntContext, course: Course, variant: str) -> Finding:
    training, evaluation = course.end.training, course.end.evaluation
    return NOT_ABOVE_TRIVIAL.finding(
        variant,
        location=of_function(context.program.train_step),
        evidence=f"error {training.value:.4g} in training mode, {evaluation.value:.4g} in "
        f"evaluation mode; the best constant gives {evaluation.guess:.4g}",
    )
