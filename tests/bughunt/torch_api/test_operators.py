"""Sets of torch's operators have one home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import pytest_mlregress.bughunt  # noqa: E402
from pytest_mlregress.bughunt.torch_api import operators  # noqa: E402

BUGHUNT = Path(pytest_mlregress.bughunt.__file__).parent
HOMES = {"torch_api/operators.py", "torch_api/announced_calls.py", "torch_api/loss_functions.py"}


def is_operator(name: str) -> bool:
    """Whether torch has it as a function or a method, under this name or as an operator."""
    return name.endswith("Backward") or any(
        hasattr(owner, form)
        for owner in (torch, torch.Tensor, torch.nn.functional)
        for form in (name, f"__{name}__")
    )


def collections_of_operators(file: Path) -> Iterator[int]:
    """The lines of sets, tuples and lists of two or more names that are all torch's."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Set | ast.Tuple | ast.List):
            names = [e.value for e in node.elts if isinstance(e, ast.Constant)]
            if (
                len(names) > 2
                and len(names) == len(node.elts)
                and all(isinstance(name, str) and is_operator(name) for name in names)
            ):
                yield node.lineno


def test_no_other_file_lists_operators() -> None:
    found = {
        f"{file.relative_to(BUGHUNT).as_posix()}:{line}"
        for file in BUGHUNT.rglob("*.py")
        if file.relative_to(BUGHUNT).as_posix() not in HOMES
        for line in collections_of_operators(file)
    }
    assert found == set()


def test_sets_that_belong_together_stay_so() -> None:
    assert operators.VIEWS < operators.RESHAPES
    assert operators.RELUS < operators.RECTIFIERS
    assert operators.EQUALITIES < operators.COMPARISONS
    assert operators.SUBTRACTIONS < operators.DIFFERENCES
    assert not operators.SHAPE & (operators.SCALINGS | operators.MATRIX_PRODUCTS)
