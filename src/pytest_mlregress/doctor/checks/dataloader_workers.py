"""Random numbers in the worker processes of a DataLoader."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import metadata
from typing import Final

from packaging.version import InvalidVersion, Version

from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.python_code import Module, keyword_of
from pytest_mlregress.doctor.reachable_code import ReachableCall, calls_of, reachable_functions
from pytest_mlregress.doctor.registry import CannotCheckError, Question, check

WORKERS: Final = Question(
    "dataloader-workers",
    "seeds",
    "A `DataLoader` with workers has a `worker_init_fn` where its dataset draws from a generator "
    "of its own, or from numpy's with a torch before 1.9, which does not seed it in workers.",
)

_SEEDS_NUMPY: Final = Version("1.9")
_REMEDY: Final = (
    "DataLoader(..., worker_init_fn=seed_worker), which seeds from torch.initial_seed() % 2**32; "
    "see https://pytorch.org/docs/stable/notes/randomness.html#dataloader"
)
_OWN_GENERATOR: Final = re.compile(r"self\.\w*(rng|generator|random|rs)\w*\.\w+\(", re.IGNORECASE)


@check(WORKERS)
def dataloader_workers(project: Project) -> Iterator[DoctorFinding]:
    """Look at each DataLoader with workers that the tests can make, and at the datasets."""
    functions = reachable_functions(project, project.require_tests())
    loaders = [each for each in calls_of(functions) if each.name.rpartition(".")[2] == "DataLoader"]
    if not loaders:
        raise CannotCheckError("not applicable: the tests make no DataLoader")
    modules = project.modules_of(project.code)
    draws = [found for module in modules for found in _draws(module)]
    for each in loaders:
        yield _judged(each, draws, project)


def _judged(
    each: ReachableCall, draws: list[tuple[Module, ast.ClassDef, str, int]], project: Project
) -> DoctorFinding:
    place = project.place(each.function.module.file, each.line)
    workers = keyword_of(each.call, "num_workers")
    count = each.function.module.constant_int(workers)
    if workers is None or count == 0:
        return WORKERS.ok("DataLoader without workers: datasets draw in the test's process", place)
    if keyword_of(each.call, "worker_init_fn") is not None:
        return WORKERS.ok("DataLoader with worker_init_fn", place)
    for module, dataset, kind, line in draws:
        at = project.place(module.file, line)
        if kind == "own":
            return WORKERS.warning(
                f"num_workers={ast.unparse(workers)}: every worker has a copy of the generator "
                f"that {dataset.name} keeps ({at}): all of them draw the same numbers",
                _REMEDY,
                place,
            )
        if kind == "numpy" and not _torch_seeds_numpy():
            return WORKERS.warning(
                f"num_workers={ast.unparse(workers)}: {dataset.name} draws from numpy ({at}), "
                "which this torch does not seed in workers",
                _REMEDY,
                place,
            )
    drawn = f"; torch seeds the {draws[0][2]} that {draws[0][1].name} draws from" if draws else ""
    return WORKERS.ok(f"DataLoader(num_workers={ast.unparse(workers)}){drawn}", place)


def _draws(module: Module) -> Iterator[tuple[Module, ast.ClassDef, str, int]]:
    """Where datasets draw in ``__getitem__`` or ``__iter__``, and from which generator."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for method in node.body:
            if not isinstance(method, ast.FunctionDef) or method.name not in (
                "__getitem__",
                "__iter__",
                "__getitems__",
            ):
                continue
            if "get_worker_info" in ast.unparse(method):
                continue
            for call in ast.walk(method):
                if isinstance(call, ast.Call) and (kind := _kind(call, module)):
                    yield module, node, kind, call.lineno


def _kind(call: ast.Call, module: Module) -> str:
    name = module.name_of(call.func)
    if name.startswith("numpy.random."):
        return "numpy"
    if name.startswith("random."):
        return "random"
    return "own" if _OWN_GENERATOR.match(ast.unparse(call)) else ""


def _torch_seeds_numpy() -> bool:
    try:
        return Version(metadata.version("torch")) >= _SEEDS_NUMPY
    except (metadata.PackageNotFoundError, InvalidVersion):
        return True  # without torch here nothing is known against it
