"""`watch`: listen to whatever trains inside a block, and say what is wrong with it."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from pytest_mlregress.bughunt import suppression
from pytest_mlregress.bughunt.checks.evaluation.nondeterministic_guard import Digest
from pytest_mlregress.bughunt.checks.every_detector import DETECTORS
from pytest_mlregress.bughunt.errors import GuardWarning
from pytest_mlregress.bughunt.findings import Finding, Findings, by_severity
from pytest_mlregress.bughunt.listening import hooks
from pytest_mlregress.bughunt.listening.detector import Detector, ObservedCall, Progress
from pytest_mlregress.bughunt.listening.listening_level import ListeningLevel, NoGrad, level
from pytest_mlregress.bughunt.listening.no_grad_blocks import NoGradBlocks
from pytest_mlregress.bughunt.listening.sampling_schedule import SamplingSchedule
from pytest_mlregress.bughunt.recording.source_lines import caller
from pytest_mlregress.bughunt.registry import require_known
from pytest_mlregress.bughunt.torch_api.announced_calls import AnnouncedCall, announced


class Guard:
    """Listens to the training of a `watch` block.

    Attributes:
        silent: why the guard stopped listening; None while it listens.
        digest: of the numbers of the training, to tell two runs of one seed apart.
    """

    def __init__(self, suppress: Collection[str] = ()) -> None:
        self.silent: str | None = None
        self._suppress = tuple(suppress)
        self._found: dict[tuple[str, str | None], Finding] = {}
        self._schedule = SamplingSchedule()
        self._progress = Progress(report=self.add)
        self.digest = Digest(self._progress)
        self._detectors: list[Detector] = [kind(self._progress) for kind in DETECTORS]
        self._detectors.append(self.digest)
        self._mode = hooks.Calls(self._observed, self._followed, self._guarded)
        self._modules = hooks.ModuleHooks(
            self._entered, self._left, self._guarded, self._progress.running
        )
        self._exits = contextlib.ExitStack()
        self._no_grad_blocks = NoGradBlocks(
            partial(self._no_grad, NoGrad.BEGUN),
            partial(self._no_grad, NoGrad.SEEN_ENOUGH),
            partial(self._no_grad, NoGrad.OUTSIDE),
            self._clipped,
        )
        self._level = ListeningLevel.STEPS
        self._something_ran = False
        self._all = {name: self._overriding(name, self._detectors) for name in _EVENTS}
        tireless = [detector for detector in self._detectors if detector.tireless]
        self._tireless = {name: self._overriding(name, tireless) for name in _EVENTS}
        self._listeners = self._all

    @property
    def findings(self) -> Findings:
        """What was found so far, errors first; ``.suppressed`` holds what was declared intended."""
        reported, suppressed = suppression.split(self._found.values(), self._suppress)
        return Findings(by_severity(reported), suppressed=suppressed)

    def start(self) -> None:
        """Listen from now on."""
        self._exits.enter_context(hooks.optimizer_hooks(self._before_step, self._after_step))
        self._exits.enter_context(announced(self._observers()))
        self._exits.enter_context(self._no_grad_blocks.listening(self._guarded))
        self._exits.callback(self._modules.take_off)
        self._exits.callback(self._mode.take_off)
        self._guarded(self._adjust)

    def stop(self) -> None:
        """Listen no more, and let every detector draw its conclusions."""
        self._exits.close()
        self._mode.take_off()  # it cannot be, while one of its own calls makes the guard silent
        if self.silent is None:
            self._listeners = self._all
            self._guarded(self._tell, "finish")

    def disable(self, reason: str) -> None:
        """Take every hook away; what was found so far stays."""
        if self.silent is None:
            self.silent = reason
            self._progress.disabled = True
            self._exits.close()

    def add(self, finding: Finding) -> None:
        """Add a finding; of several of one check at one line the first stays."""
        self._found.setdefault((finding.check, finding.location), finding)

    @staticmethod
    def _overriding(event: str, detectors: list[Detector]) -> list[Callable[..., None]]:
        return [
            getattr(detector, event)
            for detector in detectors
            if getattr(type(detector), event) is not getattr(Detector, event)
        ]

    def _tell(self, event: str, *arguments: Any) -> None:
        for listener in self._listeners[event]:
            listener(*arguments)

    def _guarded(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call something of ours; its failure ends the watching and never the training."""
        if self.silent is not None:
            return
        try:
            function(*arguments)
        except Exception as error:
            self.disable(f"internal error of the guards: {error!r}")
            warnings.warn(
                f"the bug guards stop watching after an {self.silent}; the training goes on",
                GuardWarning,
                stacklevel=2,
            )

    def _adjust(self, late: bool = False) -> None:
        """Listen as closely as the progress of the training demands.

        Args:
            late: whether an optimizer makes its first steps after others have made theirs.
        """
        progress, before = self._progress, self._progress.observes_modules
        progress.initial = self._schedule.initial(progress.steps)
        sampled = self._schedule.sampled(progress.steps)
        if progress.initial or late:
            progress.scheduled = ListeningLevel.CALLS
        else:
            progress.scheduled = ListeningLevel.MODULES if sampled else ListeningLevel.STEPS
        if progress.observes_modules:
            self._listeners = self._all
        elif before:
            self._tell("rest")
            self._listeners = self._tireless
        self._listen()

    def _listen(self) -> None:
        """Put the hooks on or off that the level asks for."""
        now, before = level(self._progress), self._level
        self._level = now
        if now != before:
            (self._modules.put_on if now >= ListeningLevel.MODULES else self._modules.take_off)()
            (self._mode.put_on if now >= ListeningLevel.CALLS else self._mode.take_off)()

    def _no_grad(self, state: NoGrad) -> None:
        self._progress.no_grad = state
        self._listen()

    def _clipped(self) -> bool:
        self._tell("clipped", self._line())
        return self._progress.observes_modules

    def _observed(self, call: ObservedCall) -> None:
        self._schedule.calls += 1
        self._tell("on_call", call)

    def _followed(self, arguments: Any, keywords: Any, output: Any) -> None:
        if not self._progress.running:
            self._tell("followed", arguments, keywords, output)

    def _left(self, module: nn.Module, output: Any, given: Any) -> None:
        self._tell("left", module, output, given)

    def _entered(self, module: nn.Module, outermost: bool) -> None:
        self._something_ran = True
        self._tell("entered", module, outermost)
        first = self._no_grad_blocks.on and self._no_grad_blocks.a_module_runs(outermost)
        if first and self._schedule.hears_evaluation():
            self._no_grad(NoGrad.EVALUATION)

    # Between samples the next two are all that a step pays for, so they come to a decision fast.

    def _before_step(self, optimizer: Optimizer, arguments: Any, keywords: Any) -> None:
        if self._progress.observes_modules or self._progress.alarmed:
            self._guarded(self._about_to_step, optimizer, arguments, keywords)

    def _after_step(self, optimizer: Optimizer, arguments: Any, keywords: Any) -> None:
        progress = self._progress
        count = progress.note_step(optimizer)
        if (
            progress.observes_modules
            or self._something_ran
            or not self._schedule.undisturbed(progress.steps, count)
        ):
            self._guarded(self._stepped, optimizer, count)

    def _about_to_step(self, optimizer: Optimizer, arguments: Any, keywords: Any) -> None:
        closure = any(argument is not None for argument in (*arguments[1:], *keywords.values()))
        self._progress.stepping = self._progress.observes_calls and not closure
        self._listen()
        self._tell("before_step", optimizer)

    def _stepped(self, optimizer: Optimizer, count: int) -> None:
        location = caller(sys._getframe(1)) if self._progress.observes_modules else None
        self._something_ran = False
        self._progress.stepping = True  # what detectors compute is not the user's
        self._listen()
        self._tell("stepped", optimizer, location)
        self._progress.stepping = False
        self._adjust(late=self._schedule.late(count))

    def _observers(self) -> dict[AnnouncedCall, Callable[[Any, Any], None]]:
        """What to do at the calls for which torch has no hook."""
        unscaled = self._while_attentive("unscaled")
        return {
            "backward": lambda roots, _: self._guarded(self._backward, roots),
            "zero_grad": self._while_attentive("zeroed"),
            "scheduler": self._while_attentive("scheduled"),
            "optimizer": self._while_attentive("constructed"),
            "unscale": lambda optimizer, enabled: enabled and unscaled(optimizer, None),
            "get_scale": lambda *_: self._guarded(self._tell, "scale_read"),
            "seed": lambda _, seed: self._guarded(self._seeded, seed),
            "generator_state": lambda _, state: self._guarded(self._seeded, state),
            "changed_mode": lambda module, training: self._guarded(
                self._switched, module, training
            ),
            "compile": lambda *_: self.disable("the training uses torch.compile"),
        }

    def _while_attentive(self, event: str) -> Callable[[Any, Any], None]:
        def observe(subject: Any, detail: Any) -> None:
            if self._progress.observes_modules:
                self._guarded(lambda: self._tell(event, subject, self._line()))

        return observe

    def _backward(self, roots: Any) -> None:
        self._tell("backward", _tensors(roots), self._line())
        self._progress.forget_graph()

    def _line(self) -> str | None:
        return caller(sys._getframe(1)) if self._progress.observes_modules else None

    def _seeded(self, seed: Any) -> None:
        if self._progress.observes_modules:
            given = isinstance(seed, torch.Tensor) and seed.dim() > 0
            try:
                state = seed if given else torch.Generator().manual_seed(int(seed)).get_state()
            except (TypeError, ValueError, RuntimeError):
                return  # no seed at all: torch is about to raise
            self._tell("seeded", state, self._line())

    def _switched(self, module: nn.Module, training: bool) -> None:
        if training:
            self._tell("switched", module, training, None)
            return
        self._tell("switched", module, training, caller(sys._getframe(1)))
        self._schedule.ask_for_glance(self._progress.steps)
        self._adjust(late=self._progress.observes_calls)


_EVENTS = tuple(
    name for name in vars(Detector) if not name.startswith("_") and callable(vars(Detector)[name])
)


def _tensors(roots: Any) -> Sequence[torch.Tensor]:
    if isinstance(roots, torch.Tensor):
        return (roots,)
    return tuple(root for root in roots if isinstance(root, torch.Tensor))


@contextlib.contextmanager
def watch(suppress: Collection[str] = ()) -> Iterator[Guard]:
    """Watch the training that runs inside the block, without any code of the user's.

    Numbers, random states and modes of the training are bit for bit those of an unwatched one.
    Where the guard cannot go on (torch.compile, an error of its own) it falls silent and keeps
    what it has found; ``guard.silent`` says why.

    Args:
        suppress: slugs of findings that are intended; a comment
            ``# mlregress: ignore[slug] because …`` at the reported line does the same.

    Yields:
        The `Guard`, whose ``findings`` are complete after the block.

    Raises:
        ValueError: `suppress` names a check that does not exist.
    """
    require_known(suppress, "suppress")
    guard = Guard(suppress)
    guard.start()
    try:
        yield guard
    finally:
        guard.stop()
