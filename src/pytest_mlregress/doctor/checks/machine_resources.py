"""What the tests need of the machine, declared and measured, against what this one has."""

from __future__ import annotations

import ast
import math
import os
import re
from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.reachable_code import ReachableFunction, reachable_functions
from pytest_mlregress.doctor.registry import CannotCheckError, Question, check
from pytest_mlregress.doctor.regression_tests import RegressionTest
from pytest_mlregress.node_ids import without_parameters
from pytest_mlregress.plurals import count_of
from pytest_mlregress.resources.capacity import capacity
from pytest_mlregress.resources.need import Need, in_bytes, shortfall
from pytest_mlregress.settings import SettingError, Settings, override

DECLARED: Final = Question(
    "resources",
    "machine",
    "What tests declare (`num_cpus`, `num_gpus`, `memory`) is here; code that always uses CUDA "
    "declares a GPU.",
)
MEASURED: Final = Question(
    "memory-peak",
    "machine",
    "Trains one seed: its peak memory fits into this machine, and into what the test declares.",
)

_CUDA: Final = re.compile(r"cuda(:\d+)?")
_ASKS: Final = "is_available"
_NEARLY: Final = 0.9
_SPARE: Final = 1.2


@check(DECLARED)
def machine_resources(project: Project) -> Iterator[DoctorFinding]:
    """Compare what each test declares with this machine."""
    for test in project.require_tests():
        yield _declared(test, project)


def _declared(test: RegressionTest, project: Project) -> DoctorFinding:
    name = project.node_id(test)
    place = project.place(test.module.file, test.node.lineno)
    machine = capacity(os.environ)
    need = _need_of(test)
    if (lack := shortfall(need, machine)) is not None:
        return DECLARED.warning(
            f"{name}: {lack}",
            "run it on a machine that has it; here it is skipped, and nothing is compared",
            place,
        )
    uses = _always_cuda(reachable_functions(project, [test]))
    if uses is not None and not need.gpus:
        function, line = uses
        return DECLARED.warning(
            f"{name}: always uses CUDA ({project.place(function.module.file, line)}), and declares "
            "no GPU",
            "@pytest.mark.mlregress(num_gpus=1)",
            place,
        )
    has = f"{in_bytes(machine.memory)} of memory" if machine.memory else "memory unknown"
    declares = ", ".join(
        f"{key}={value!r}"
        for key in ("num_cpus", "num_gpus", "memory")
        if (value := test.argument(key)) is not None
    )
    said = f"declares {declares}" if declares else "declares no GPU and no memory"
    gpus = count_of(len(machine.devices), "GPU")
    return DECLARED.ok(f"{name}: {said}; this machine has {has}, {gpus}", place)


def _need_of(test: RegressionTest) -> Need:
    """What a test declares; nothing where it is computed, or is refused at collection."""
    arguments = {key: test.argument(key) for key in ("num_cpus", "num_gpus", "memory")}
    try:
        own = override(Settings(), arguments)
    except SettingError:
        return Need()
    return Need(own.num_cpus, own.num_gpus, own.memory)


def _always_cuda(functions: list[ReachableFunction]) -> tuple[ReachableFunction, int] | None:
    """Where code moves to a GPU without asking whether there is one."""
    for function in functions:
        text = ast.unparse(function.node)
        if _ASKS in text or "device_count" in text or "getenv" in text:
            continue
        for node in ast.walk(function.node):
            match node:
                case ast.Call(func=ast.Attribute(attr="cuda"), args=[]):
                    return function, node.lineno
                case ast.Call(
                    func=ast.Attribute(attr="to"), args=[ast.Constant(value=str() as place), *_]
                ) if _CUDA.fullmatch(place):
                    return function, node.lineno
                case ast.keyword(arg="device", value=ast.Constant(value=str() as place)) if (
                    _CUDA.fullmatch(place)
                ):
                    return function, node.value.lineno
                case _:
                    pass
    return None


@check(MEASURED, trains=True)
def memory_peak(project: Project) -> Iterator[DoctorFinding]:
    """Compare the peak memory of each test's first seed with this machine."""
    trainings = project.trainings
    if trainings is None or trainings.problem or not trainings.tests:
        raise CannotCheckError((trainings and trainings.problem) or "nothing was trained")
    memory = capacity(os.environ).memory
    declared = {project.node_id(test): _need_of(test).memory for test in project.tests}
    for each in trainings.tests.values():
        if each.first is not None and each.first.outcome == "failed":
            yield MEASURED.skipped(f"{each.test}: seed {each.first.seed} failed")
            continue
        peak = each.first.peak_memory if each.first is not None else None
        if peak is None:
            yield MEASURED.skipped(f"{each.test}: {each.unavailable or 'its peak is unknown'}")
            continue
        limit = declared.get(without_parameters(each.test))
        used = f"{each.test}: one seed took {in_bytes(peak)} at its peak"
        if limit is not None and peak > limit:
            yield MEASURED.warning(
                f"{used}, and the test declares {in_bytes(limit)}",
                f'@pytest.mark.mlregress(memory="{math.ceil(peak * _SPARE / 10**6)}MB")',
            )
        elif memory is not None and peak > _NEARLY * memory:
            yield MEASURED.warning(
                f"{used} of the {in_bytes(memory)} that this machine has",
                "train one seed at a time (no -n), or on a larger machine",
            )
        elif memory is not None and peak:
            fit = count_of(int(memory * _NEARLY // peak), "seed")
            yield MEASURED.ok(f"{used} of {in_bytes(memory)}: {fit} fit at once")
        else:
            yield MEASURED.ok(used)
