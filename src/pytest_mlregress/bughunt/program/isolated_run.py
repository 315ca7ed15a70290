"""One isolated run of the user's program from its start, recorded and thrown away."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from pytest_mlregress.bughunt.errors import BughuntError, CannotTell, UserCodeError
from pytest_mlregress.bughunt.program.global_variables import ProgramState
from pytest_mlregress.bughunt.program.model_snapshot import ModelSnapshot
from pytest_mlregress.bughunt.program.process_state import preserved
from pytest_mlregress.bughunt.program.user_program import UserProgram
from pytest_mlregress.bughunt.recording.construction_lines import construction_lines
from pytest_mlregress.bughunt.recording.function_modes import ModuleStack
from pytest_mlregress.bughunt.recording.recorder import Recorder
from pytest_mlregress.bughunt.recording.source_lines import boundary, deepest_user_line
from pytest_mlregress.bughunt.torch_api import _private, pytrees
from pytest_mlregress.bughunt.torch_api.pytrees import PyTree
from pytest_mlregress.seeding import seed_python_numpy_torch


class IsolatedRun:
    """Fresh model, optimizer, data and random state; a context manager.

    On exit the process is as it was before. If ``make_model`` hands out one and the same model
    every time, its state is put back too.

    Args:
        program: the user's program.
        seed: of all random generators, set before the model is built.
        recorder: what listens; None records nothing and costs nothing.
    """

    model: nn.Module
    optimizer: Any
    batch: PyTree

    def __init__(self, program: UserProgram, *, seed: int = 0, recorder: Recorder | None = None):
        self.program = program
        self.seed = seed
        self.recorder = recorder
        self._exits = contextlib.ExitStack()

    def __enter__(self) -> IsolatedRun:
        with contextlib.ExitStack() as exits:
            exits.enter_context(preserved())
            exits.callback(ProgramState(self.program.functions).restore)
            seed_python_numpy_torch(self.seed)
            with construction_lines() as self._lines:
                self.model = self._build()
            if self.program.models.shares is not False:
                exits.callback(ModelSnapshot(self.model).restore)
            self.batch = call("batch", self.program.fresh_batch, self.seed)
            if self.recorder is not None:
                exits.enter_context(self.recorder.listening(self.model))
                self.recorder.phase, phase = "make_optimizer", self.recorder.phase
            self.optimizer = None
            if self.program.make_optimizer is not None:
                self.optimizer = call("make_optimizer", self.program.make_optimizer, self.model)
            if self.recorder is not None:
                self.recorder.phase = phase
            seed_python_numpy_torch(self.seed)
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._exits.close()

    def _build(self) -> nn.Module:
        model = call("make_model", self.program.models.build)
        if not isinstance(model, nn.Module):
            raise BughuntError(
                f"make_model returned a {type(model).__name__}, a torch.nn.Module is needed"
            )
        if any(map(is_lazy, (*model.parameters(), *model.buffers()))):
            # Lazy layers take their sizes from a first batch; its loss may need gradients.
            call("loss_fn", self.program.loss_fn, model, self.program.fresh_batch(self.seed))
        return model

    def built_at(self, module: nn.Module) -> str | None:
        """``file:line`` where a module was constructed; None if that was not seen."""
        return self._lines.made.get(id(module))

    def assigned_at(self, name: str) -> str | None:
        """Where a parameter or module was assigned, or else what holds it; by dotted name."""
        while name:
            parent, _, attribute = name.rpartition(".")
            line = self._lines.assigned.get((id(self.model.get_submodule(parent)), attribute))
            if line is not None:
                return line
            name = parent
        return self._lines.made.get(id(self.model))

    def declared_at(self, name: str) -> str | None:
        """The line that decides that a parameter exists: its layer's, or its own assignment."""
        owner = self.model.get_submodule(name.rpartition(".")[0])
        if type(owner).__module__.startswith("torch.nn"):
            return self.built_at(owner) or self.assigned_at(name)
        return self.assigned_at(name)

    def initialised_at(self, name: str) -> str | None:
        """Where a parameter was last given its values, or else where it was assigned."""
        parameter = self.model.get_parameter(name)
        return self._lines.written.get(id(parameter)) or self.assigned_at(name)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers in what ``make_optimizer`` gave, in its order."""
        found = [leaf for _, leaf in pytrees.leaves(self.optimizer) if isinstance(leaf, Optimizer)]
        return list({id(optimizer): optimizer for optimizer in found}.values())

    def loss(self, batch: PyTree = None) -> torch.Tensor:
        """``loss_fn(model, batch)``: the scalar, with its graph."""
        loss = call(
            "loss_fn", self.program.loss_fn, self.model, self.batch if batch is None else batch
        )
        if not isinstance(loss, torch.Tensor):
            raise BughuntError(
                f"loss_fn returned a {type(loss).__name__}, a scalar tensor is needed"
            )
        if loss.numel() != 1:
            raise BughuntError(
                f"loss_fn returned a tensor of shape {tuple(loss.shape)}, a scalar is needed: "
                f"end it with .mean()"
            )
        return loss.reshape(()) if loss.dim() else loss

    def outputs(self, batch: PyTree, seed: int) -> list[torch.Tensor]:
        """The float outputs of the model while ``loss_fn`` runs, with generators seeded again.

        Those of the outermost calls of modules of the model, without scalars (losses) and without
        gradients.
        """
        found: list[torch.Tensor] = []
        mine = set(map(id, self.model.modules()))
        running = ModuleStack()

        def enter(module: nn.Module, arguments: Any) -> None:
            if id(module) in mine:
                running.enter(module)

        def leave(module: nn.Module, arguments: Any, output: Any) -> None:
            if id(module) in mine and running.leave(module) and not _private.in_vmap():
                found.extend(
                    t.detach()
                    for t in pytrees.tensors(output)
                    if t.is_floating_point() and t.dim() > 0
                )

        hooks = (register_module_forward_pre_hook(enter), register_module_forward_hook(leave))
        seed_python_numpy_torch(seed)
        try:
            with torch.no_grad():
                self.loss(batch)
        finally:
            for hook in hooks:
                hook.remove()
        return found

    def step(self, batch: PyTree = None) -> Any:
        """One ``train_step(model, optimizer, batch)``."""
        if self.program.train_step is None:
            raise CannotTell("needs train_step")
        return call(
            "train_step",
            self.program.train_step,
            self.model,
            self.optimizer,
            self.batch if batch is None else batch,
        )

    def evaluate(self) -> Any:
        """One ``evaluate(model, val_batches)``."""
        if self.program.evaluate is None:
            raise CannotTell("needs evaluate")
        return call(
            "evaluate", self.program.evaluate, self.model, self.program.validation_batches()
        )

    def phase(self, name: str) -> None:
        """Name what is recorded from here on."""
        if self.recorder is not None:
            self.recorder.phase = name

    def parameters(self) -> dict[str, torch.Tensor]:
        """Copies of the model's parameters as they are now, by name."""
        return {name: p.detach().clone() for name, p in self.model.named_parameters()}

    def buffers(self) -> dict[str, torch.Tensor]:
        """Copies of the model's buffers as they are now, by name."""
        return {name: b.detach().clone() for name, b in self.model.named_buffers()}


@boundary
def call(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function of the user's; what it raises becomes a `UserCodeError` with its line."""
    try:
        return function(*arguments)
    except (BughuntError, CannotTell):
        raise
    except Exception as error:
        line = deepest_user_line(error)
        raise UserCodeError(
            f"{name} raised {type(error).__name__}: {error}" + (f" (at {line})" if line else "")
        ) from error
