"""Can the model memorise one batch?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from pytest_mlregress.bughunt.catalogue.learning import NO_SINGLE_BATCH_OVERFIT
from pytest_mlregress.bughunt.errors import CannotTell, OverBudget
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.program.isolated_run import IsolatedRun
from pytest_mlregress.bughunt.recording.recorder import Recorder
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.constant_predictor import Score, score
from pytest_mlregress.bughunt.replaying.cpu_clock import Stopwatch
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.objective import reason_not_to_fit
from pytest_mlregress.bughunt.torch_api.optimizers import adam
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree

STEPS = 100
FEWEST_STEPS = 30
LOOKS = (8, 15, 24, 36, 50)  # steps after which to look at the score
WARM_UP = 3  # steps after which the fastest says what more of them take
SHARE = 1 / 4  # of what is left of the budget, for each training
LEARNED = 0.7
RATES = (1e-2, 1e-3)


@check(NO_SINGLE_BATCH_OVERFIT, cost="training")
def no_single_batch_overfit(context: HuntContext) -> Iterator[Finding]:
    """After many steps on one batch the model is no better than the best constant guess.

    Compared with a constant, not with a fixed loss: floors (label smoothing, soft targets) and
    slow but healthy nets pass. Two trainings: the user's own train_step, and Adam at two learning
    rates on loss_fn; the model is at fault if all fail, the step if it stands still where Adam
    learns. Losses without known targets must merely go down.
    """
    if any(finding.check == "no-single-batch-overfit" for finding in context.findings):
        raise CannotTell("it is reported already that no batch can be memorised")
    own_step = context.program.train_step is not None
    if own_step and len(context.step_trace.optimizers) > 1:
        raise CannotTell("several optimizers: what loss_fn measures is not what all minimise")
    share = SHARE * context.seconds_left
    best = _best_with_adam(context, share)
    if not best.learned:
        _require_plain_objective(context, own_step=False)
        _require_all_steps(context, best)
        yield _finding(context, "", best)
    elif own_step:
        own = _with_own_step(context, share)
        if own.stuck:
            _require_plain_objective(context, own_step=True)
            _require_all_steps(context, own)
            yield _finding(context, "train_step", own)


def _require_plain_objective(context: HuntContext, *, own_step: bool) -> None:
    """Raise `CannotTell` where a correct model need not fit the batch; looked at only then."""
    reason = reason_not_to_fit(context, own_step=own_step)
    if reason is not None:
        raise CannotTell(reason)


def _require_all_steps(context: HuntContext, run: Run) -> None:
    """Raise `OverBudget` where a training that learned nothing was cut short."""
    if run.steps < STEPS:
        raise OverBudget(
            f"{run.steps} steps on one batch do not suffice, and what is left of the budget "
            f"of {context.budget_s:g} s pays for no more; raise budget_s"
        )


@dataclass(frozen=True)
class Run:
    """One training on one batch: what the score was at the start, in the middle, at the end.

    Attributes:
        name: of what trained.
        scores: the middle one was taken after half of the steps, or somewhat earlier.
        steps: how many there were.
    """

    name: str
    scores: tuple[Score, Score, Score]
    steps: int = STEPS

    @property
    def learned(self) -> bool:
        """Whether it got clearly better than guessing, or is on its way there.

        Without a guess: than at the start.
        """
        start, middle, end = self.scores
        falling = end.value < middle.value - 0.02 * abs(middle.value)
        return end.progress(start) < LEARNED or (falling and end.guess is not None)

    @property
    def stuck(self) -> bool:
        """Whether it is no better than guessing and does not get there.

        In the second half it has not moved, or it has come to a halt far away from a guess.
        """
        start, middle, end = self.scores
        if end.guess is None:
            return end.value >= start.value - 1e-4 * abs(start.value)
        flat = end.value >= middle.value - 1e-3 * abs(middle.value)
        return (flat or self.halted) and end.progress(start) > 0.98

    @property
    def halted(self) -> bool:
        """Whether it has slowed down too much to come to a guess.

        Its pace fell to less than a tenth from one half to the other, and at that pace ten
        times as many steps would not bring it there.
        """
        start, middle, end = self.scores
        first, second = start.value - middle.value, middle.value - end.value
        return (
            end.guess is not None and second < 0.1 * first and end.value - 20 * second > end.guess
        )

    def __str__(self) -> str:
        start, _, end = self.scores
        guess = "" if end.guess is None else f" (the best constant gives {end.guess:.4g})"
        return f"{self.name}: {start.value:.4g} → {end.value:.4g}{guess}"


def _best_with_adam(context: HuntContext, share: float) -> Run:
    runs = []
    for rate in RATES:
        runs.append(_train(context, _AdamOnLoss(rate), f"Adam at {rate:g}", share))
        if runs[-1].learned:
            break
    best = min(runs, key=lambda run: run.scores[2].progress(run.scores[0]))
    return replace(best, steps=min(run.steps for run in runs))


def _with_own_step(context: HuntContext, share: float) -> Run:
    def own(isolated: IsolatedRun) -> Callable[[], Any]:
        return lambda: isolated.step(isolated.program.fresh_batch())

    return _train(context, own, "train_step", share)


class _AdamOnLoss:
    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, isolated: IsolatedRun) -> Callable[[], None]:
        if not any(p.requires_grad for p in isolated.model.parameters()):
            raise CannotTell("no parameter requires a gradient")
        optimizer = adam(isolated.model.parameters(), self.rate)

        def step() -> None:
            optimizer.zero_grad()
            isolated.loss().backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        return step


def _train(
    context: HuntContext,
    stepper: Callable[[IsolatedRun], Callable[[], Any]],
    name: str,
    share: float,
) -> Run:
    """Train until all steps are made, or the share of the budget is used up.

    Args:
        context: the program.
        stepper: gives the step that an isolated run is to make again and again.
        name: of the training.
        share: seconds, counted from the second step on: the first may pay for late imports.

    Raises:
        CannotTell: the share does not pay for `FEWEST_STEPS`.
    """
    with context.isolated_run() as isolated:
        step = stepper(isolated)
        start = score_of(isolated)
        looks: dict[int, Score] = {}
        fastest, done, stopwatch = math.inf, 0, Stopwatch()
        while done < STEPS and (done < FEWEST_STEPS or stopwatch.seconds < share):
            step_stopwatch = Stopwatch()
            step()
            done += 1
            fastest = min(fastest, step_stopwatch.seconds)
            if done == 1:
                stopwatch = Stopwatch()
            context.afford(0.0)
            if WARM_UP <= done < FEWEST_STEPS:
                _require_share(context, share, stopwatch.seconds, fastest, done)
            if done in LOOKS:
                looks[done] = score_of(isolated)
                if _has_learned(looks[done], start):
                    return Run(name, (start, looks[done], looks[done]), done)
        middle = looks[max(look for look in looks if look <= done // 2)]
        return Run(name, (start, middle, score_of(isolated)), done)


def _require_share(
    context: HuntContext, share: float, spent: float, step_seconds: float, done: int
) -> None:
    """Raise `CannotTell` where a training cannot make its `FEWEST_STEPS` in its share."""
    if spent + (FEWEST_STEPS - done) * step_seconds > share:
        context.afford(FEWEST_STEPS / SHARE * max(step_seconds, spent / done))


def _has_learned(now: Score, start: Score) -> bool:
    """Whether nothing that follows could put the verdict in doubt."""
    return now.guess is not None and now.progress(start) < LEARNED / 2


def score_of(isolated: IsolatedRun, batch: PyTree = None) -> Score:
    """The score now, in whatever mode the program is, without disturbing it."""
    recorder = Recorder(phase="loss")
    with torch.random.fork_rng(devices=[]), torch.no_grad(), recorder.listening(isolated.model):
        torch.manual_seed(1)
        loss = isolated.loss(isolated.program.fresh_batch() if batch is None else batch)
    return score(float(loss), recorder.calls)


def _finding(context: HuntContext, variant: str, run: Run) -> Finding:
    known = [f for f in context.findings if f.severity == "error"] or list(context.findings)
    reason = "; probably because of " + ", ".join(
        f"{f.check} ({f.location})" if f.location else f.check for f in known[:3]
    )
    return NO_SINGLE_BATCH_OVERFIT.finding(
        variant,
        location=known[0].location if known else None,
        evidence=str(run),
        steps=run.steps,
        cause=reason if known else "",
    )
