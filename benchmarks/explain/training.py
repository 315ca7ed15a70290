"""Builds both sides of a case, and trains a program in a forked process."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.explain.cases import Case
from pytest_mlregress.divergence.changed_lines import Side
from pytest_mlregress.divergence.events import Trace, read_trace
from pytest_mlregress.divergence.recorder import TraceEnded
from pytest_mlregress.divergence.request import TraceRequest
from pytest_mlregress.divergence.tracing import traced_into
from pytest_mlregress.running.run import Run
from pytest_mlregress.running.run_record import RunRecord
from pytest_mlregress.seeding import seed_everything

TOP = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "programs"
EXAMPLES = {
    "char_lm": ("test_char_lm", {"steps": 300}, {}),
    "digits_cnn": ("test_digits", {}, {}),
    "sklearn_model": ("test_breast_cancer", {}, {"max_depth": 3}),
}
"""By example: its test, the parameters of its tier, and its arguments."""


def build(case: Case, folder: Path) -> dict[Side, Path]:
    """Write both sides; on the candidate, every function but the changed one is touched, too.

    A line without effect at the head of each function leaves no function unchanged, so that the
    right one can be told by what ran, and not by what git shows.
    """
    sides: dict[Side, Path] = {"base": folder / "base", "candidate": folder / "candidate"}
    for side in sides.values():
        shutil.rmtree(side, ignore_errors=True)
        side.mkdir(parents=True)
        for source in sources(case.program):
            shutil.copy(source, side / source.name)
    for file in sides["candidate"].glob("*.py"):
        text = file.read_text()
        if case.old in text:
            assert text.count(case.old) == 1, f"{case.old!r} is not there once in {file.name}"
            file.write_text(touched(text.replace(case.old, case.new), case.function))
            return sides
    raise AssertionError(f"{case.old!r} is not in {case.program}")


def sources(program: str) -> list[Path]:
    if program in EXAMPLES:
        return [p for p in (TOP / "examples" / program).glob("*.py") if p.name != "test_plain.py"]
    return [PROGRAMS / f"{program}.py"]


def touched(text: str, but: str) -> str:
    """A line without effect at the head of each function, except one."""
    lines = text.splitlines()
    heads = sorted(_heads(ast.parse(text), "", but), reverse=True)
    for line, indent in heads:
        lines.insert(line - 1, " " * indent + "_touched = None")
    return "\n".join(lines) + "\n"


def _heads(node: ast.AST, prefix: str, but: str) -> Iterator[tuple[int, int]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            name = f"{prefix}{child.name}"
            first = child.body[0]
            is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            if is_text and len(child.body) > 1:
                first = child.body[1]
            if (
                isinstance(child, ast.FunctionDef)
                and name != but
                and not (is_text and len(child.body) == 1)
            ):
                start = min(
                    [first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))]
                )
                yield start, first.col_offset
            yield from _heads(child, f"{name}.", but)


def train_program(program: str, root: Path, record: RunRecord) -> None:
    """Train seed 0 in this process, which is seeded, as its test does."""
    run = Run(
        test=program,
        seed=0,
        tier="default",
        params=EXAMPLES[program][1] if program in EXAMPLES else {},
        make_tmp_path=lambda: root,
        record=record,
    )
    sys.path.insert(0, str(root))
    if program in EXAMPLES:
        test, _, arguments = EXAMPLES[program]
        file = next(root.glob("test_*.py"))
        function: Callable[..., Any] = getattr(_module(file), test)
        function(run, **arguments)
    else:
        _module(root / f"{program}.py").run(run)


def _module(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def warm_up() -> None:
    """Import in this process what the programs use, so that no child's time holds imports."""
    import sklearn.datasets
    import sklearn.ensemble
    import sklearn.metrics
    import torch

    import pytest_mlregress.divergence.torch_calls  # noqa: F401

    torch.set_num_threads(1)
    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.0).step()
    assert sklearn.ensemble
    assert sklearn.metrics
    assert sklearn.datasets


def forked(program: str, root: Path, request: TraceRequest | None) -> tuple[float, Trace]:
    """Train in a child of this process, which has imported torch.

    Returns:
        Its processor seconds, which other work on the machine hardly changes, and its trace.
    """
    file = root.parent / "trace.jsonl"
    file.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            record = RunRecord()
            seed_everything(0)
            metrics = lambda: {m.name: m.value for m in record.result(0).metrics}  # noqa: E731
            traced = nullcontext() if request is None else traced_into(file, request, metrics)
            with traced:
                train_program(program, root, record)
            status = 0
        except TraceEnded:
            status = 0
        except BaseException as error:
            print(f"{program}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    _, ended, used = os.wait4(child, 0)
    seconds = used.ru_utime + used.ru_stime
    if ended != 0:
        raise RuntimeError(f"{program} at {root} failed")
    return seconds, read_trace(file) if request is not None else Trace(())
