"""The planted changes of the benchmark of `mlregress explain`."""

import ast
from pathlib import Path

import pytest

from benchmarks.explain.cases import CASES, NEUTRAL, Case
from benchmarks.explain.training import build
from pytest_mlregress.divergence import phases
from pytest_mlregress.divergence.changed_lines import ChangedLines


def test_there_are_sixty_changes_with_known_phases() -> None:
    assert len(CASES) == 60
    assert {phase for case in CASES for phase in case.phases} <= set(phases.PHASES)
    assert all(case.phases for case in CASES)


@pytest.mark.parametrize("case", [*CASES, *NEUTRAL], ids=lambda case: f"{case.program}-{case.new}")
def test_each_change_is_planted_into_its_function_and_touches_all_others(
    case: Case, tmp_path: Path
) -> None:
    sides = build(case, tmp_path)
    files = [file.name for file in sides["candidate"].glob("*.py")]
    changed = ChangedLines(sides["base"], sides["candidate"], files)
    functions = {name for _, name in changed.functions()}
    for file in changed.files:
        ast.parse((sides["candidate"] / file).read_text())
    if case.function:
        assert case.function in functions
    assert len(functions) > 1
