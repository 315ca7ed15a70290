"""Plant bugs in correct programs, drop the harmless ones, and hunt the rest."""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bughunt.operators import Planted, plant
from benchmarks.bughunt.programs import Hunted, Program, hunt_program, outcome


@dataclass(frozen=True)
class Mutant:
    """A planted mistake: what the hunt said, or why it does not count."""

    operator: str
    program: Program
    hunted: Hunted | None = None
    excluded: str = ""


def mutants(
    programs: Sequence[Program], number: int = 50, each: int = 2, seed: int = 0
) -> list[Mutant]:
    """Mutants of `number` drawn programs, at most `each` per program and operator."""
    draw = random.Random(seed)
    found = []
    for program in draw.sample(list(programs), min(number, len(programs))):
        expected = behaviour(program)
        by_operator: dict[str, list[Planted]] = {}
        for planted in plant(program.source):
            by_operator.setdefault(planted.operator, []).append(planted)
        for planted_here in by_operator.values():
            kept = draw.sample(planted_here, min(each, len(planted_here)))
            found += [judge(program, planted, i, expected) for i, planted in enumerate(kept)]
    return found


def judge(program: Program, planted: Planted, number: int, expected: str) -> Mutant:
    """Hunt a mutant unless it does not run or does exactly what the original does."""
    word = planted.operator.replace(" ", "-")
    mutant = Program(
        f"{program.name}:{word}-{number}",
        program.part,
        "buggy",
        planted.source,
        planted.slugs,
        planted.lines,
    )
    try:
        actual = behaviour(mutant)
    except Exception as error:
        return Mutant(planted.operator, mutant, excluded=f"does not run: {error}")
    if actual == expected:
        return Mutant(planted.operator, mutant, excluded="equivalent: same bits after 3 steps")
    return Mutant(planted.operator, mutant, hunt_program(mutant))


def behaviour(program: Program) -> str:
    """The first loss, and three steps' parameters and metrics, exactly; a mode alone is nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = outcome(program, steps=3)
    return repr([result["losses"][0], result["state"], result["metrics"]])
