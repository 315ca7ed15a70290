"""What all checks of a hunt share: the program, and what was recorded of it once."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch.optim import Optimizer

from pytest_mlregress.bughunt.errors import CannotTell, OverBudget
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.program.default_train_step import with_default_step
from pytest_mlregress.bughunt.program.isolated_run import IsolatedRun
from pytest_mlregress.bughunt.program.user_program import UserProgram
from pytest_mlregress.bughunt.recording.recorder import RecordedCall, Recorder
from pytest_mlregress.bughunt.recording.relu_activity import Activity
from pytest_mlregress.bughunt.recording.step_log import StepLog
from pytest_mlregress.bughunt.recording.tensor_origins import Provenance
from pytest_mlregress.bughunt.replaying.cpu_clock import Stopwatch
from pytest_mlregress.bughunt.torch_api.sparse_tensors import copy_of_gradient
from pytest_mlregress.bughunt.torch_api.unregistered_tensors import held_nodes
from pytest_mlregress.seeding import RandomState

FEWEST_STEPS = 3
STEPS = 4
MOST_STEPS = 8


@dataclass(frozen=True)
class LossTrace:
    """One ``loss_fn(model, batch)`` and its backward pass, in an isolated run.

    Attributes:
        recorder: every call with its tensors; phases ``"loss"`` and ``"backward"``.
        isolated: the closed run; its model is in the state after the backward pass.
        loss: the scalar loss, whose graph can be walked but no longer run backward.
        gradients: by parameter name; None where the parameter got none.
        output_gradients: of the loss with respect to the output of each call, by its `order`.
        seconds: how long it took.
    """

    recorder: Recorder
    isolated: IsolatedRun
    loss: torch.Tensor
    gradients: dict[str, torch.Tensor | None]
    output_gradients: dict[int, torch.Tensor]
    seconds: float

    @cached_property
    def calls(self) -> list[RecordedCall]:
        """The torch calls of the forward pass."""
        return [call for call in self.recorder.calls if call.phase == "loss"]

    @cached_property
    def provenance(self) -> Provenance:
        """Which call made which tensor."""
        return Provenance(self.calls)


@dataclass(frozen=True)
class StepTrace:
    """Some calls of ``train_step`` in an isolated run, then ``evaluate``, then one more step.

    Phases of the recorder: ``"make_optimizer"``; ``"step 0"``, ``"step 1"``, …; ``"evaluate"``;
    ``"after"``. Tensors are kept in ``"step 0"`` only.

    Attributes:
        isolated: the closed run.
        states: of the model, before the first step and after each: ``states[k]`` is the one in
            which step k begins.
        random: the generators' states at the same moments.
        activity: which rectifiers let something through.
        log: gradients at every ``optimizer.step`` and graphs at every ``backward``.
        evaluation: the model's state before and after ``evaluate``; None without it.
        resumed: its state after the step that follows ``evaluate``; None without it.
        seconds: of the fastest step: the first one may pay for what torch imports late.
    """

    recorder: Recorder
    isolated: IsolatedRun
    states: list[State]
    random: list[RandomState]
    log: StepLog
    activity: Activity
    evaluation: tuple[State, State] | None
    resumed: State | None
    seconds: float

    @property
    def count(self) -> int:
        """How many calls of ``train_step`` came before ``evaluate``."""
        return len(self.states) - 1

    @property
    def phases(self) -> list[str]:
        """Names of the step phases before evaluation."""
        return [f"step {index}" for index in range(self.count)]

    @cached_property
    def provenance(self) -> Provenance:
        """Which call of ``"step 0"`` made which tensor."""
        return Provenance(call for call in self.recorder.calls if call.phase == "step 0")

    @property
    def reaches_the_model(self) -> bool:
        """Whether any optimizer ever stepped on a gradient of a parameter of the model."""
        return any(g is not None for a in self.log.applied for g in a.gradients.values())

    @cached_property
    def optimizers(self) -> list[Optimizer]:
        """Those of ``make_optimizer`` and any other that stepped."""
        stepped = [event.subject for event in self.recorder.of_kind("step")]
        return list({id(o): o for o in (*self.isolated.optimizers, *stepped)}.values())


@dataclass(frozen=True)
class SecondRun:
    """A repetition of the training: parameters before and after; tensors of ``"step 0"``."""

    recorder: Recorder
    first: dict[str, torch.Tensor]
    last: dict[str, torch.Tensor]


@dataclass(frozen=True)
class State:
    """Copies of a model's parameters and buffers, with its modes and frozen parameters.

    Also the number of graph nodes behind the tensors that its modules hold in attributes.
    """

    parameters: dict[str, torch.Tensor]
    buffers: dict[str, torch.Tensor]
    training: dict[str, bool]
    requires_grad: dict[str, bool]
    held_nodes: int

    @classmethod
    def of(cls, isolated: IsolatedRun) -> State:
        """The state of the model of an isolated run now."""
        return cls(
            isolated.parameters(),
            isolated.buffers(),
            {name: module.training for name, module in isolated.model.named_modules()},
            {name: p.requires_grad for name, p in isolated.model.named_parameters()},
            held_nodes(isolated.model),
        )


class HuntContext:
    """The program with its shared recordings, each made when first asked for.

    Attributes:
        asked: slugs that the user asked for by name.
        findings: of the checks that ran before.
        shared: what checks share, by the function that makes it; it goes with the context.
        replay_seconds: of the fastest replay so far; None before the first.
    """

    def __init__(
        self, program: UserProgram, budget_s: float = 10.0, asked: Collection[str] = ()
    ) -> None:
        self.program = program
        self.spent = Stopwatch()
        self.budget_s = budget_s
        self.asked = frozenset(asked)
        self.findings: tuple[Finding, ...] = ()
        self.shared: dict[Callable[[HuntContext], Any], Any] = {}
        self.replay_seconds: float | None = None

    def close(self) -> None:
        """Let go of everything recorded, now and not at some later garbage collection.

        The recordings hold many copies of the model, and hold each other.
        """
        self.__dict__.clear()

    @property
    def seconds_left(self) -> float:
        """Of the budget."""
        return self.budget_s - self.spent.seconds

    def afford(self, seconds: float) -> None:
        """Raise `CannotTell` if work of `seconds` would overrun the budget."""
        if seconds > self.seconds_left:
            raise OverBudget(
                f"needs about {seconds:.1f} s, {max(self.seconds_left, 0):.1f} s of the budget "
                f"of {self.budget_s:g} s are left; raise budget_s"
            )

    def isolated_run(self, *, seed: int = 0, recorder: Recorder | None = None) -> IsolatedRun:
        """A fresh replay."""
        return IsolatedRun(self.program, seed=seed, recorder=recorder)

    def isolated_training(self, recorder: Recorder | None = None) -> IsolatedRun:
        """A fresh replay whose step is the user's, or the default one where there is none."""
        own = self.program.train_step is not None
        return IsolatedRun(
            self.program if own else with_default_step(self.program), recorder=recorder
        )

    @cached_property
    def loss_trace(self) -> LossTrace:
        """One recorded forward and backward pass through ``loss_fn``."""
        stopwatch = Stopwatch()
        listening = _OutputGradients()
        recorder = Recorder(phase="loss", on_call=listening)
        with self.isolated_run(recorder=recorder) as isolated:
            loss = isolated.loss()
            isolated.phase("backward")
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
            gradients = {name: copy_of_gradient(p) for name, p in isolated.model.named_parameters()}
        seconds = stopwatch.seconds
        return LossTrace(recorder, isolated, loss, gradients, listening.gradients, seconds)

    @cached_property
    def step_trace(self) -> StepTrace:
        """The recorded training: at least `STEPS` calls, enough for two optimizer steps.

        As far as half of the budget pays for them.
        """
        if self.program.train_step is None:
            raise CannotTell("needs train_step")
        return _record_steps(self.program, self.seconds_left / 2)

    @cached_property
    def training_trace(self) -> StepTrace:
        """`step_trace`, or without a train_step the default step on ``loss_fn``."""
        if self.program.train_step is not None:
            return self.step_trace
        self.afford(0.0)
        return _record_steps(with_default_step(self.program), self.seconds_left / 2)

    @cached_property
    def second_run(self) -> SecondRun:
        """The steps of `step_trace` once more, in a run of their own."""
        trace = self.step_trace
        recorder = Recorder()
        with self.isolated_run(recorder=recorder) as isolated:
            first = isolated.parameters()
            for index, batch in enumerate(self.program.training_batches(trace.count)):
                isolated.phase(f"step {index}")
                recorder.keep_tensors = index == 0
                isolated.step(batch)
            return SecondRun(recorder, first, isolated.parameters())

    @property
    def step_seconds(self) -> float:
        """Of one step of training: the user's own, or without one ``loss_fn`` and its backward.

        Not of the textbook step, which cannot be made with every optimizer.
        """
        trace = self.loss_trace if self.program.train_step is None else self.step_trace
        return trace.seconds

    def executed_lines(self) -> set[str]:
        """Every line of the user's code that a recording saw."""
        recorders = [
            trace.recorder
            for trace in (self.__dict__.get("loss_trace"), self.__dict__.get("step_trace"))
            if trace is not None
        ]
        happenings = [h for recorder in recorders for h in (*recorder.calls, *recorder.events)]
        return {h.location for h in happenings if h.location is not None}


def _record_steps(program: UserProgram, seconds_to_spend: float) -> StepTrace:
    """Record `STEPS` steps, and `FEWEST_STEPS` where these cost more seconds than may be spent."""
    log = StepLog()
    activity = Activity()
    recorder = Recorder(on_event=log, on_output=activity)
    with IsolatedRun(program, recorder=recorder) as isolated:
        log.name_parameters(isolated.model)
        states, random = [State.of(isolated)], [RandomState.now()]
        stopwatch, seconds = Stopwatch(), math.inf
        for index, batch in enumerate(program.training_batches(MOST_STEPS)):
            recorder.keep_tensors = index == 0
            isolated.phase(f"step {index}")
            step_stopwatch = Stopwatch()
            isolated.step(batch)
            seconds = min(seconds, step_stopwatch.seconds)
            states.append(State.of(isolated))
            random.append(RandomState.now())
            slow = stopwatch.seconds > seconds_to_spend
            enough = FEWEST_STEPS if slow else STEPS
            if index + 1 >= enough and (slow or len(log.applied) >= 2):
                break
        log.close()
        evaluation = resumed = None
        if program.evaluate is not None:
            isolated.phase("evaluate")
            isolated.evaluate()
            evaluation = states[-1], State.of(isolated)
            isolated.phase("after")
            isolated.step()
            resumed = State.of(isolated)
    return StepTrace(
        recorder, isolated, states, random, log, activity, evaluation, resumed, seconds
    )


class _OutputGradients:
    """Notes the gradient that arrives at the output of every call."""

    def __init__(self) -> None:
        self.gradients: dict[int, torch.Tensor] = {}

    def __call__(self, call: RecordedCall) -> None:
        output = call.output
        if call.phase == "loss" and isinstance(output, torch.Tensor) and output.requires_grad:
            output.register_hook(self._noting(call.order))  # type: ignore[no-untyped-call]

    def _noting(self, order: int) -> Any:
        def note(gradient: torch.Tensor | None) -> None:
            if gradient is not None:  # an autograd.Function may give none back
                self.gradients[order] = gradient.detach()

        return note
