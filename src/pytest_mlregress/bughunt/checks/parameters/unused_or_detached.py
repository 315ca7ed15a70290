"""Parameters in an optimizer that get no gradient: cut off from the loss, or of no use to it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from pytest_mlregress.bughunt.catalogue.gradients import VANISHING_GRADIENT
from pytest_mlregress.bughunt.catalogue.parameters import DETACHED_GRAPH, UNUSED_MODULE
from pytest_mlregress.bughunt.errors import BughuntError, CannotTell
from pytest_mlregress.bughunt.findings import Finding
from pytest_mlregress.bughunt.recording.construction_lines import held_by_user
from pytest_mlregress.bughunt.recording.recorder import RecordedCall, Recorder
from pytest_mlregress.bughunt.recording.step_log import Applied, Backward, StepLog
from pytest_mlregress.bughunt.recording.tensor_origins import inputs
from pytest_mlregress.bughunt.registry import check
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.torch_api import pytrees
from pytest_mlregress.bughunt.torch_api.operators import CUTS

# So many passes are looked at where there is no train_step.
_SEEDS = 4
# Of several parameters at once: large enough that even the product of two shakes is seen.
_JOINT_PERTURBATION = 0.3


@check(DETACHED_GRAPH, UNUSED_MODULE, VANISHING_GRADIENT, cost="replay")
def without_gradient(context: HuntContext) -> Iterator[Finding]:
    """Parameters that an optimizer owns and that got no gradient in any step.

    Each is shaken, and the values are compared from which its own optimizer's backward passes
    start (the generator's loss moves with the critic's output bias, the critic's does not):
    if they change, the graph to the parameter is cut; if not, the parameter is of no use. Where
    the gradient is there and exactly zero, the shake is a small one (a dead unit does not notice
    it) and no influence means nothing: a bias may cancel in a distance. Never judged after one
    step (zero-initialised heads, gates), and not where siblings are used in turn (experts,
    stochastic depth).
    """
    starved = _without_gradient(context)
    if not starved:
        return
    modules = _by_module(starved)
    context.afford(0.02 * len(modules))
    base = _roots(context, {})
    if base != _roots(context, {}):
        raise CannotTell("two equal replays give different losses")
    silent = True
    waiting = _outermost(context, starved)
    while waiting:
        module, names = waiting.pop(0)
        without = [name for name in names if starved[name] is None]
        shaken = _roots(context, {name: 1.0 if name in without else 1e-2 for name in names})
        tolerance = 1e-6 if without else 1e-4  # a zero gradient may be terms that cancel, rounded
        pairs = [(one, two) for one, two in zip(base, shaken, strict=False) if one.serves(names)]
        moved = [(one.value, two.value) for one, two in pairs if not one.is_near(two, tolerance)]
        inner = _by_module(names)
        if moved and len(inner) > 1:
            waiting = [*inner.items(), *waiting]
        elif moved:
            if context.program.make_optimizer is None:
                continue  # a target network is cut off on purpose, and no optimizer has it
            silent = False
            yield _cut(context, module, names, moved[0])
        elif pairs and without and not _used_in_turn(context, module, starved):
            silent = False
            yield _unused(context, module, without)
    if silent:
        yield from _mutually_zero(context, starved, base)


def _mutually_zero(
    context: HuntContext, starved: Mapping[str, float | None], base: list[Root]
) -> Iterator[Finding]:
    """Parameters whose gradient stays exactly 0 because of each other.

    No one alone moves the loss, all together do. Both factors of a product that begin at zero
    never leave it.
    """
    stuck = [name for name, size in starved.items() if size == 0]
    if len(_by_module(stuck)) < 2:
        return
    shaken = _roots(context, dict.fromkeys(stuck, _JOINT_PERTURBATION))
    pairs = [(one, two) for one, two in zip(base, shaken, strict=False) if one.serves(stuck)]
    moved = [(one.value, two.value) for one, two in pairs if not one.is_near(two, 1e-5)]
    if moved:
        isolated = context.loss_trace.isolated
        yield VANISHING_GRADIENT.finding(
            "mutually zero",
            module=stuck[0],
            location=isolated.initialised_at(stuck[0]),
            evidence=f"{len(stuck)} parameters ({', '.join(stuck[:4])}) have gradient 0 in every "
            f"step; changed together they move the loss from {moved[0][0]:.6g} to "
            f"{moved[0][1]:.6g}",
        )


@dataclass(frozen=True)
class Root:
    """A value from which a backward pass starts.

    Attributes:
        value: the value.
        served: names of the parameters whose optimizers step on that pass; None for all.
    """

    value: float
    served: frozenset[str] | None = None

    def serves(self, names: Iterable[str]) -> bool:
        """Whether the optimizer of these parameters minimises this value."""
        return self.served is None or not self.served.isdisjoint(names)

    def is_near(self, other: Root, tolerance: float) -> bool:
        """Whether two values are equal up to a relative tolerance; NaN tells nothing."""
        one, two = self.value, other.value
        return one != one or abs(one - two) <= tolerance * max(abs(one), abs(two)) or one == two


def _without_gradient(context: HuntContext) -> dict[str, float | None]:
    """The owned, trainable parameters without gradient: None if there never was one, else 0."""
    if context.program.train_step is None:
        trace = context.loss_trace
        groups = [g for o in trace.isolated.optimizers for g in o.param_groups]
        owned = {id(p) for g in groups for p in g["params"]}
        if context.program.make_optimizer is None:  # then it is taken to train all that can be
            owned = {id(p) for p in trace.isolated.model.parameters()}
        starved: dict[str, float | None] = {
            n: None
            for n, p in trace.isolated.model.named_parameters()
            if id(p) in owned and p.requires_grad and trace.gradients[n] is None
        }
        for seed in range(1, _SEEDS):  # one pass may leave out layers at random
            if starved:
                reached = _with_gradient(context, seed)
                starved = {name: None for name in starved if name not in reached}
        return starved
    steps = context.step_trace
    if len(steps.log.applied) < 2:
        raise CannotTell("the optimizer stepped less than twice")
    if not steps.reaches_the_model and any(
        g is not None for g in context.loss_trace.gradients.values()
    ):
        raise CannotTell("train_step trains something else than the model: lost-update")
    largest: dict[str, float | None] = {}
    for applied in steps.log.applied:
        for name, gradient in applied.gradients.items():
            size = None if gradient is None else float(gradient.abs().max())
            sizes = [s for s in (largest.get(name), size) if s is not None]
            largest[name] = max(sizes, default=None)
    first, last = steps.states[0], steps.states[steps.count]
    return {
        name: size
        for name, size in largest.items()
        if not size
        and first.requires_grad.get(name, False)
        and torch.equal(first.parameters[name], last.parameters[name])
    }


def _with_gradient(context: HuntContext, seed: int) -> set[str]:
    """Names of the parameters that get a gradient from ``loss_fn`` under another seed."""
    context.afford(context.loss_trace.seconds)
    with context.isolated_run(seed=seed) as isolated:
        loss = isolated.loss()
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        return {name for name, p in isolated.model.named_parameters() if p.grad is not None}


def _by_module(names: Iterable[str]) -> dict[str, list[str]]:
    modules: dict[str, list[str]] = {}
    for name in names:
        modules.setdefault(name.rpartition(".")[0], []).append(name)
    return modules


def _outermost(
    context: HuntContext, starved: Mapping[str, float | None]
) -> list[tuple[str, list[str]]]:
    """The starved parameters by module: of the largest that never gets a gradient, taken whole.

    An unused branch is one mistake, however many layers it has.
    """
    model = context.loss_trace.isolated.model
    whole = [
        name
        for name, module in model.named_modules()
        if name
        and (inside := [f"{name}.{n}" for n, p in module.named_parameters() if p.requires_grad])
        and all(starved.get(parameter, 0.0) is None for parameter in inside)
    ]
    groups: dict[str, list[str]] = {}
    for name in starved:
        outer = next((w for w in whole if name.startswith(f"{w}.")), name.rpartition(".")[0])
        groups.setdefault(outer, []).append(name)
    return list(groups.items())


def _roots(context: HuntContext, shaken: Mapping[str, float]) -> list[Root]:
    """The values from which the first step's backward passes start, some parameters shaken.

    `shaken` gives the size of the shake, relative to the parameter's own.
    """
    log = StepLog()
    with context.isolated_run(recorder=Recorder(keep_tensors=False, on_event=log)) as isolated:
        log.name_parameters(isolated.model)
        with torch.no_grad(), torch.random.fork_rng():
            for name, parameter in isolated.model.named_parameters():
                if name in shaken and parameter.is_floating_point():
                    size = shaken[name] * (parameter.abs().mean() + 0.1)
                    parameter.add_((torch.randn_like(parameter) + 0.5) * size)
        try:
            if context.program.train_step is None:
                return [Root(float(isolated.loss()))]
            isolated.step(next(iter(context.program.training_batches(1))))
        except BughuntError as error:
            raise CannotTell("the program fails with other parameter values") from error
    return _roots_of(log)


def _roots_of(log: StepLog) -> list[Root]:
    """One for each backward pass.

    ``autograd.grad`` counts only where nothing else is called, for it takes derivatives along
    the way too (gradient penalties).
    """
    passes = [b for b in log.backwards if not b.by_grad] or log.backwards
    if len({id(applied.optimizer) for applied in log.applied}) < 2:
        return [Root(b.value) for b in passes]
    return [Root(b.value, _served(log.applied, passes, b)) for b in passes]


def _served(applied: list[Applied], passes: list[Backward], backward: Backward) -> frozenset[str]:
    """The parameters that are stepped after a backward pass and before the next.

    None of them where several passes come before the steps of several optimizers: which of them
    minimises which value cannot be told.
    """
    first = min((a.order for a in applied if a.order > backward.order), default=math.inf)
    following = min((b.order for b in passes if b.order > first), default=math.inf)
    steps = [a for a in applied if first <= a.order < following]
    before = max((a.order for a in applied if a.order < first), default=0)
    together = [b for b in passes if before < b.order < first]
    if len(together) > 1 and len({id(a.optimizer) for a in steps}) > 1:
        return frozenset()
    return frozenset(name for a in steps for name in a.gradients)


def _used_in_turn(context: HuntContext, module: str, starved: Collection[str]) -> bool:
    """Whether a module is one of several alike in a list, and other seeds make use of it."""
    model = context.loss_trace.isolated.model
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        container = model.get_submodule(".".join(parts[: depth - 1]))
        own = ".".join(parts[:depth])
        if isinstance(container, nn.ModuleList | nn.ModuleDict) and any(
            type(child) is type(model.get_submodule(own)) and _learns(child, model, starved)
            for child in container.children()
        ):
            return any(_runs(context, own, seed) for seed in range(1, 6))
    return False


def _learns(child: nn.Module, model: nn.Module, starved: Collection[str]) -> bool:
    names = {id(p): name for name, p in model.named_parameters()}
    return any(names.get(id(p)) not in starved for p in child.parameters())


def _runs(context: HuntContext, module: str, seed: int) -> bool:
    recorder = Recorder(keep_tensors=False)
    with context.isolated_run(seed=seed, recorder=recorder) as isolated:
        isolated.loss()
    return any(recorder.name_of(e.subject) == module for e in recorder.of_kind("forward"))


def _cut(
    context: HuntContext, module: str, names: list[str], change: tuple[float, float]
) -> Finding:
    return DETACHED_GRAPH.finding(
        module=names[0],
        location=_where_cut(context, names),
        evidence=f"no gradient in any step, yet changing {module or 'them'} moves the loss from "
        f"{change[0]:.6g} to {change[1]:.6g}",
    )


def _unused(context: HuntContext, module: str, names: list[str]) -> Finding:
    isolated = context.loss_trace.isolated
    named = ", ".join(names[:4]) + (", …" if names[4:] else "")
    return UNUSED_MODULE.finding(
        # A published architecture may leave a pooler or a head idle: the user did not write it.
        severity=None if held_by_user(isolated.model, module or names[0]) else "info",
        module=module or names[0],
        location=isolated.built_at(isolated.model.get_submodule(module)),
        evidence=f"no gradient in any step, and changing {len(names)} parameters ({named}) leaves "
        "the loss as it is",
    )


def _where_cut(context: HuntContext, names: list[str]) -> str | None:
    """The first call that takes something trained of these parameters and gives on something not.

    Looked for before their optimizer's step and after any other's. A call in a no_grad block
    points at the block, where torch says where that began.
    """
    calls, parameters = _forward(context, names)
    begin, end = _window(context, names[0])
    tainted = {id(p) for p in parameters}
    found: list[tuple[bool, str | None]] = []
    block = None
    for call in calls:
        if call.name == "_set_grad_enabled":
            block = call
        given = [t for t in inputs(call) if id(t) in tainted]
        if not given:
            continue
        outputs = [o for o in pytrees.tensors(call.output) if o.is_floating_point()]
        loses = bool(outputs) and not any(o.requires_grad for o in outputs)
        if call.name in CUTS and any(t.requires_grad for t in given):
            found.append((begin < call.order < end, call.location))
        elif loses and any(t.requires_grad for t in given):
            found.append((begin < call.order < end, (block or call).location))
        tainted.update(map(id, pytrees.tensors(call.output)))
    inside = [line for within, line in found if within]
    return (inside or [line for _, line in found] or [None])[0]


def _window(context: HuntContext, name: str) -> tuple[int, int]:
    """The orders between which the loss of a parameter's optimizer is computed."""
    if context.program.train_step is None:
        return 0, context.loss_trace.recorder.calls[-1].order + 1
    applied = [a for a in context.step_trace.log.applied if a.phase == "step 0"]
    own = next((a for a in applied if name in a.gradients), None)
    if own is None:
        return 0, context.step_trace.recorder.calls[-1].order
    return max((a.order for a in applied if a.order < own.order), default=0), own.order


def _forward(
    context: HuntContext, names: list[str]
) -> tuple[list[RecordedCall], list[torch.Tensor]]:
    trace = context.loss_trace
    parameters = dict(trace.isolated.model.named_parameters())
    if context.program.train_step is None:
        return trace.calls, [parameters[n] for n in names]
    steps = context.step_trace
    parameters = dict(steps.isolated.model.named_parameters())
    first = [call for call in steps.recorder.calls if call.phase == "step 0"]
    return first, [parameters[n] for n in names]
