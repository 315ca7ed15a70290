"""Tables of what was found, missed and wrongly reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.bughunt.planted import Mutant
from benchmarks.bughunt.programs import Hunted

COMMON = (
    "no-single-batch-overfit",
    "missing-train-mode",
    "missing-eval-mode",
    "missing-zero-grad",
    "softmax-into-cross-entropy",
    "double-softmax",
    "sigmoid-into-bce-with-logits",
    "probabilities-into-nll",
    "logits-into-nll",
    "bias-before-batchnorm",
    "missing-output-bias",
    "view-instead-of-permute",
)


def print_program(console: Console, result: Hunted, *, everything: bool) -> None:
    """One line per program that needs a look: missed, wrongly accused, or raised."""
    program = result.program
    buggy = program.kind == "buggy"
    good = not result.failure and (result.found if buggy else not result.findings)
    if good and not everything:
        return
    state = "[green]ok[/]" if good else "[red]raised[/]" if result.failure else None
    state = state or ("[red]missed[/]" if buggy else "[red]false alarm[/]")
    expected = f" expected {program.slugs[0]}" if buggy else ""
    console.print(f"{state} {program.name}{expected} ({result.seconds:.2f} s)", highlight=False)
    if result.failure:
        console.print(f"    {escape(result.failure)[:300]}", highlight=False)
    for finding in result.findings:
        mark = " *" if finding in result.on_line else ""
        where = (finding.location or "-").rsplit("/", 1)[-1]
        line = f"{finding.severity} {finding.check} at {where}{mark}: {finding.message}"
        console.print(f"    {escape(line)[:200]}", highlight=False)


def print_summary(console: Console, hunted: Sequence[Hunted]) -> None:
    """The figures of the parts, then what each slug found and what it said wrongly."""
    parts = sorted({result.program.part for result in hunted})
    table = Table("measure", *parts, title="Bug hunt on the corpus")
    for name, row in (
        ("buggy programs found", found_row),
        ("  of these the six most common and view for permute", common_row),
        ("correct and fixed programs with an error", errors_row),
        ("correct and fixed programs with a warning only", warnings_row),
        ("located findings on the line of the mistake", line_row),
        ("programs on which the hunt raised", raised_row),
        ("seconds, median / 95th percentile / most", seconds_row),
    ):
        table.add_row(name, *(row(of_part(hunted, part)) for part in parts))
    console.print(table)
    print_slugs(console, hunted)


def print_slugs(console: Console, hunted: Sequence[Hunted]) -> None:
    """Found and missed per main slug, and false alarms per check."""
    mains = Counter(r.program.slugs[0] for r in hunted if r.program.kind == "buggy")
    hits = Counter(r.program.slugs[0] for r in hunted if r.program.kind == "buggy" and r.found)
    false = Counter(
        finding.check
        for result in hunted
        if result.program.kind != "buggy"
        for finding in result.findings
    )
    table = Table("slug", "found", "false alarms", title="By slug")
    for slug in sorted(set(mains) | set(false), key=lambda s: (hits[s] - mains[s], -false[s], s)):
        table.add_row(slug, f"{hits[slug]}/{mains[slug]}", str(false[slug] or ""))
    console.print(table)


def print_repeats(console: Console, repeated: Sequence[Hunted]) -> None:
    """Hunts of correct programs under random seeds, and how many reported an error."""
    wrong = [result for result in repeated if result.errors]
    warned = [result for result in repeated if result.warnings and not result.errors]
    console.print(
        f"repeated hunts of correct programs: {len(repeated)}, with an error {len(wrong)}, "
        f"with a warning only {len(warned)}, raised {sum(bool(r.failure) for r in repeated)}"
    )
    names = Counter(
        f"{result.program.part}: {finding.check}" for result in wrong for finding in result.errors
    )
    for name, count in names.most_common():
        console.print(f"    {name}: {count}")


def print_mutants(console: Console, mutants: Sequence[Mutant], *, names: bool) -> None:
    """Planted bugs per operator: how many run, change anything, and are found."""
    table = Table("operator", "planted", "do not run", "equivalent", "found", title="Planted bugs")
    for operator in [*dict.fromkeys(mutant.operator for mutant in mutants), "all"]:
        mine = [m for m in mutants if operator in (m.operator, "all")]
        hunted = [m.hunted for m in mine if m.hunted is not None]
        broken = sum(m.excluded.startswith("does not run") for m in mine)
        equal = sum(m.excluded.startswith("equivalent") for m in mine)
        found = share(sum(result.found for result in hunted), len(hunted))
        table.add_row(operator, str(len(mine)), str(broken), str(equal), found)
    console.print(table)
    for mutant in mutants:
        result = mutant.hunted
        if result is not None and not result.found and (names or mutant.program.part == "tuning"):
            line = min(mutant.program.marked)
            console.print(f"[red]missed[/] {mutant.program.name} line {line}", highlight=False)


def of_part(hunted: Sequence[Hunted], part: str) -> list[Hunted]:
    """The results of one part of the corpus."""
    return [result for result in hunted if result.program.part == part]


def share(some: int, of: int) -> str:
    """``some / of`` with its percentage."""
    return f"{some}/{of} ({some / of:.1%})" if of else "-"


def found_row(hunted: Sequence[Hunted]) -> str:
    """How many mistakes were named."""
    buggy = [result for result in hunted if result.program.kind == "buggy"]
    return share(sum(result.found for result in buggy), len(buggy))


def common_row(hunted: Sequence[Hunted]) -> str:
    """How many of the most common mistakes were named."""
    return found_row([result for result in hunted if set(result.program.slugs[:1]) & set(COMMON)])


def errors_row(hunted: Sequence[Hunted]) -> str:
    """How many correct programs heard an error."""
    good = [result for result in hunted if result.program.kind != "buggy"]
    return share(sum(bool(result.errors) for result in good), len(good))


def warnings_row(hunted: Sequence[Hunted]) -> str:
    """How many correct programs heard a warning and no error."""
    good = [result for result in hunted if result.program.kind != "buggy"]
    warned = sum(bool(result.warnings) and not result.errors for result in good)
    return share(warned, len(good))


def line_row(hunted: Sequence[Hunted]) -> str:
    """How many located fitting findings point at the mistake."""
    located = sum(len(result.located) for result in hunted)
    return share(sum(len(result.on_line) for result in hunted), located)


def raised_row(hunted: Sequence[Hunted]) -> str:
    """On how many programs `hunt` raised."""
    return share(sum(bool(result.failure) for result in hunted), len(hunted))


def seconds_row(hunted: Sequence[Hunted]) -> str:
    """Seconds per hunt."""
    seconds = np.array([result.seconds for result in hunted])
    if not len(seconds):
        return "-"
    middle, high = np.percentile(seconds, (50, 95))
    return f"{middle:.2f} / {high:.2f} / {seconds.max():.2f}"
