"""Hunt in tiny versions of real architectures and print what was said about each.

    python -m venv architectures
    architectures/bin/pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu
    architectures/bin/pip install --editable . -r benchmarks/bughunt/architectures/requirements.txt
    architectures/bin/pip install --no-deps timm==1.0.31
    architectures/bin/python -m benchmarks.bughunt.architectures

Run from the repository's root. Every finding is compared with ``expected_findings.txt``, where
each has its verdict: ``real`` (the library does what the finding says), ``quirk`` (true, and meant
by the library) or ``false``.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from pytest_mlregress.bughunt import BughuntError, Finding, hunt

from .expected import Expectation, read, verdict
from .program import NotBuiltError, Program

LIBRARIES = ("transformers", "timm")


@dataclass
class Hunted:
    """What became of one program.

    Attributes:
        program: ``library:family:task``.
        parameters: how many numbers the model learns.
        cpu_seconds: of this process, for the hunt alone.
        findings: of the hunt.
        failure: why there was no hunt; empty if there was one.
    """

    program: str
    parameters: int = 0
    cpu_seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    failure: str = ""


def main() -> None:
    """Hunt in the chosen programs, one after the other, and print the tables."""
    options = parser().parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    console = Console(width=options.width)
    expectations = read()
    hunted: list[Hunted] = []
    for library in options.library or LIBRARIES:
        for program in programs(library, options.packed):
            name = f"{library}:{program.name}"
            if not any(part in name for part in options.only):
                continue
            result = attempt(name, program, options.checks, options.budget)
            hunted.append(result)
            print_result(result, expectations)
            if options.json:
                options.json.write_text(json.dumps(list(map(as_json, hunted)), indent=1), "utf-8")
    print_table(console, hunted)
    print_totals(console, hunted, expectations)


def programs(library: str, packed: bool) -> Iterator[Program]:
    """The programs of one library, which is imported only here; none if it cannot be."""
    try:
        if library == "timm":
            from . import timm_models

            return timm_models.programs()
        from . import transformers_models

        return transformers_models.programs(packed)
    except ImportError as error:
        print(f"{library}: not imported: {error}", flush=True)
        return iter(())


def attempt(name: str, program: Program, checks: list[str] | None, budget_s: float) -> Hunted:
    """Build one program and hunt in it."""
    result = Hunted(name)
    try:
        make_model, make_batch = program.build()
    except NotBuiltError as reason:
        result.failure = f"not built: {reason}"
        return result
    result.parameters = sum(p.numel() for p in make_model().parameters())
    begin = time.process_time()
    try:
        result.findings = hunt(
            make_model,
            make_batch,
            loss_fn=program.loss_fn,
            make_optimizer=adamw,
            checks=checks,
            budget_s=budget_s,
        )
    except BughuntError as error:
        result.failure = f"not hunted: {error}"
    except Exception as error:  # a defect of the hunt is a result too
        result.failure = f"the hunt raised {error!r}"
    result.cpu_seconds = time.process_time() - begin
    return result


def adamw(model: nn.Module) -> torch.optim.Optimizer:
    """What most of these models are trained with."""
    return torch.optim.AdamW(model.parameters(), lr=1e-3)


def print_result(result: Hunted, expectations: list[Expectation]) -> None:
    """Name a program that was not hunted or about which something was said, one line for each."""
    if result.failure:
        print(f"{result.program}: {result.failure}", flush=True)
    for finding in result.findings:
        known = verdict(expectations, result.program, finding)
        says = f"{known.verdict}: {known.reason}" if known else "UNEXPECTED"
        print(
            f"{result.program}: {finding.severity} {finding.check} {finding.module or ''}: "
            f"{finding.message} ({finding.evidence}) [{says}]",
            flush=True,
        )


def print_table(console: Console, hunted: list[Hunted]) -> None:
    """One row per program that was hunted."""
    table = Table("model", "parameters", "CPU s", "errors", "warnings", title="Architectures")
    for result in hunted:
        if result.failure:
            continue
        table.add_row(
            result.program,
            f"{result.parameters:,}",
            f"{result.cpu_seconds:.1f}",
            said(result, "error"),
            said(result, "warning"),
        )
    console.print(table)


def said(result: Hunted, severity: str) -> str:
    """The slugs of one severity, with their numbers."""
    slugs = Counter(f.check for f in result.findings if f.severity == severity)
    return ", ".join(slug if count == 1 else f"{slug} x{count}" for slug, count in slugs.items())


def print_totals(console: Console, hunted: list[Hunted], expectations: list[Expectation]) -> None:
    """How many were hunted, clean and accused, and what the accusations are worth."""
    ran = [result for result in hunted if not result.failure]
    table = Table("measure", "number", title="Totals")
    table.add_row("families and heads tried", str(len(hunted)))
    table.add_row("built and hunted", str(len(ran)))
    table.add_row("without a finding", str(sum(not result.findings for result in ran)))
    for severity in ("error", "warning"):
        accused = [r for r in ran if any(f.severity == severity for f in r.findings)]
        table.add_row(f"with a finding of severity {severity}", str(len(accused)))
    worth = Counter(
        (finding.severity, known.verdict if known else "unexpected")
        for result in ran
        for finding in result.findings
        for known in [verdict(expectations, result.program, finding)]
    )
    for (severity, kind), count in sorted(worth.items()):
        table.add_row(f"findings: {severity}, {kind}", str(count))
    table.add_row("CPU seconds", f"{sum(result.cpu_seconds for result in ran):.0f}")
    console.print(table)


def as_json(result: Hunted) -> dict[str, object]:
    """A result for other programs to read."""
    return vars(result) | {"findings": [vars(finding) for finding in result.findings]}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.bughunt.architectures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--library", action="append", choices=LIBRARIES, default=None)
    made.add_argument("--only", nargs="*", default=[""], help="programs whose name contains one")
    made.add_argument(
        "--packed", action="store_true", help="causal language models on batches without padding"
    )
    made.add_argument("--checks", nargs="*", default=None, help="run these checks only")
    made.add_argument("--budget", type=float, default=60.0, help="seconds per hunt")
    made.add_argument("--json", type=Path, default=None)
    made.add_argument("--width", type=int, default=None)
    return made


if __name__ == "__main__":
    main()
