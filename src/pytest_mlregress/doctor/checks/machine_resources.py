"""What the tests need of the machine, declared and measured, against what this one has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.machine import gpu_count, memory_bytes
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.reachable_code import ReachableFunction, reachable_functions
from pytest_mlregress.doctor.registry import CannotCheckError, Question, check
from pytest_mlregress.doctor.regression_tests import RegressionTest
from pytest_mlregress.plurals import count_of
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

_GIB: Final = 2**30
_CUDA: Final = re.compile(r"cuda(:\d+)?")
_ASKS: Final = "is_available"
_NEARLY: Final = 0.9


@check(DECLARED)
def machine_resources(project: Project) -> Iterator[DoctorFinding]:
    """Compare what each test declares with this machine."""
    for test in project.require_tests():
        yield _declared(test, project)


def _declared(test: RegressionTest, project: Project) -> DoctorFinding:
    name = project.node_id(test)
    place = project.place(test.module.file, test.node.lineno)
    memory, gpus = memory_bytes(), gpu_count()
    needed = _memory_of(test)
    asked = test.argument("num_gpus")
    if needed is not None and memory is not None and needed > memory:
        return DECLARED.problem(
            f"{name}: declares memory of {needed / _GIB:.1f} GiB, and this machine has "
            f"{memory / _GIB:.1f} GiB",
            "run it on a larger machine; here it is skipped, and nothing is tested",
            place,
        )
    if isinstance(asked, int | float) and asked > gpus:
        return DECLARED.problem(
            f"{name}: declares num_gpus={asked:g}, and this machine has {gpus}",
            "run it on a machine with a GPU; here it is skipped, and nothing is tested",
            place,
        )
    uses = _always_cuda(reachable_functions(project, [test]))
    if uses is not None and not asked:
        function, line = uses
        return DECLARED.warning(
            f"{name}: always uses CUDA ({project.place(function.module.file, line)}), and declares "
            "no GPU",
            "@pytest.mark.mlregress(num_gpus=1)",
            place,
        )
    has = f"{memory / _GIB:.1f} GiB of memory" if memory is not None else "memory unknown"
    declares = ", ".join(
        written
        for key in ("num_cpus", "num_gpus", "memory")
        if (value := test.argument(key)) is not None and (written := f"{key}={value!r}")
    )
    said = f"declares {declares}" if declares else "declares no GPU and no memory"
    return DECLARED.ok(f"{name}: {said}; this machine has {has}, {count_of(gpus, 'GPU')}", place)


def _memory_of(test: RegressionTest) -> float | None:
    """What a test declares, in bytes."""
    try:
        return override(Settings(), {"memory": test.argument("memory")}).memory
    except SettingError:
        return None  # collection refuses it, with a better message


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
    memory = memory_bytes()
    declared = {project.node_id(test): _memory_of(test) for test in project.tests}
    for each in trainings.tests.values():
        peak = each.first.peak_memory if each.first is not None else None
        if peak is None:
            yield MEASURED.skipped(f"{each.test}: {each.unavailable or 'its peak is unknown'}")
            continue
        limit = declared.get(each.test.partition("[")[0])
        used = f"{each.test}: one seed took {peak / _GIB:.2f} GiB at its peak"
        if limit is not None and peak > limit:
            yield MEASURED.warning(
                f"{used}, and the test declares {limit / _GIB:.2f} GiB",
                f'@pytest.mark.mlregress(memory="{peak / _GIB * 1.2:.1f}GiB")',
            )
        elif memory is not None and peak > _NEARLY * memory:
            yield MEASURED.warning(
                f"{used} of the {memory / _GIB:.1f} GiB that this machine has",
                "train one seed at a time (no -n), or on a larger machine",
            )
        else:
            has = f" of {memory / _GIB:.1f} GiB" if memory is not None else ""
            at_once = f": {int(memory * _NEARLY // peak)} fit at once" if memory and peak else ""
            yield MEASURED.ok(f"{used}{has}{at_once}")
