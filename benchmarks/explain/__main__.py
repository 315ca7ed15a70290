"""Planted one-line changes: the share whose phase and function are found, and the time it takes.

Run ``python -m benchmarks.explain [SUBSTRING ...]``. Each change is planted alone into one of the
three examples or six small programs, among lines without effect in every other function of the
file, and explained as the command does, in forked processes instead of companions. The time is that
of all trainings of an explanation over that of one plain training of the same program.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from benchmarks.explain.cases import CASES, NEUTRAL, Case
from benchmarks.explain.training import build, forked, warm_up
from pytest_mlregress.divergence.changed_lines import Side
from pytest_mlregress.divergence.events import Trace
from pytest_mlregress.divergence.request import TraceRequest
from pytest_mlregress.divergence.search import Explanation, explain_seed


@cache
def plain_seconds(program: str, root: Path) -> float:
    """The least of two, since a machine can only be slower than it is."""
    return min(forked(program, root, None)[0] for _ in range(2))


def explain(case: Case, folder: Path) -> tuple[Explanation, float]:
    """The explanation of a case, and its trainings' time over that of a plain one."""
    sides = build(case, folder)
    plain = plain_seconds(case.program, sides["base"])
    spent = 0.0

    def train(side: Side, request: TraceRequest) -> Trace:
        nonlocal spent
        seconds, trace = forked(case.program, sides[side], request)
        spent += seconds
        return trace

    found = explain_seed(train, base=sides["base"], candidate=sides["candidate"])
    return found, spent / plain


def describe(case: Case, found: Explanation, ratio: float) -> tuple[bool, bool]:
    """Print one line; whether the phase and the function are right."""
    divergence = found.divergence
    if divergence is None:
        phase, function, where = "nothing", "", ""
    else:
        source = divergence.source
        phase = "rounding" if divergence.rounding else divergence.phase
        function = source.frame.function if source is not None else ""
        where = f"{source.frame} ({source.how})" if source is not None else ""
    phase_right = phase in (case.phases or ("nothing",))
    function_right = function == case.function
    marks = ("+" if phase_right else "-") + ("+" if function_right else "-")
    step = divergence.step if divergence is not None else "-"
    print(
        f"{marks} {case.program:13} {case.new.strip()[:44]!r:48} {phase:15} step {step:>3} "
        f"{function:24} {where} [{found.trainings} trainings, {ratio:.1f}]",
        flush=True,
    )
    if not phase_right or not function_right:
        print(f"     expected {'/'.join(case.phases) or 'nothing'} in {case.function}")
    return phase_right, function_right


def main() -> None:
    warm_up()
    wanted = sys.argv[1:]
    started = time.perf_counter()
    right: list[tuple[bool, bool]] = []
    ratios: list[float] = []
    quiet: list[bool] = []
    with tempfile.TemporaryDirectory(prefix="mlregress-explain-") as folder:
        for case in (*CASES, *NEUTRAL):
            if wanted and not any(w in f"{case.program} {case.new} {case.old}" for w in wanted):
                continue
            found, ratio = explain(case, Path(folder) / case.program)
            ratios.append(ratio)
            if case.phases:
                right.append(describe(case, found, ratio))
            else:
                quiet.append(describe(case, found, ratio)[0])
    if right:
        for name, hits in zip(("phase", "function"), zip(*right, strict=True), strict=True):
            print(f"right {name}: {sum(hits)} of {len(hits)} = {sum(hits) / len(hits):.3f}")
    if quiet:
        print(f"changes that diverge nothing, said so: {sum(quiet)} of {len(quiet)}")
    if ratios:
        print(
            f"time in plain trainings: median {statistics.median(ratios):.2f}, "
            f"largest {max(ratios):.2f}"
        )
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
