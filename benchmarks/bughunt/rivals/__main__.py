"""Run the existing tools on the corpus, in an environment of their own, and print the table.

    python -m venv rivals
    rivals/bin/pip install -r benchmarks/bughunt/rivals/requirements.txt
    rivals/bin/python -m benchmarks.bughunt.rivals --json rivals.json

Tools that do not install or import are printed as such.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import io
import json
import random
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from corpus.registry import PARTS, Program, programs

from .adapters import ADAPTERS
from .figures import tool_table
from .situation import NotApplicableError, build


def main() -> None:
    """Try each tool on each program and tabulate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS, default=None)
    parser.add_argument("--tool", default="", help="tools whose name contains this")
    parser.add_argument(
        "--sample",
        type=int,
        default=0,
        help="number of programs drawn at random, with their fixed versions",
    )
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen = programs(*(options.part or PARTS))
    if options.sample:
        drawn = {program.name for program in random.Random(0).sample(chosen, options.sample)}
        drawn |= {name.partition(":")[0] for name in drawn}
        chosen = [program for program in chosen if program.name in drawn]
    rows = {
        tool: {
            "version": version(tool),
            "results": [attempt(tool, program) for program in chosen],
        }
        for tool in ADAPTERS
        if options.tool in tool
    }
    if options.json:
        options.json.write_text(json.dumps(rows, indent=0), encoding="utf-8")
    Console(width=140).print(tool_table(rows))


def attempt(tool: str, program: Program) -> dict[str, Any]:
    """What one tool says about one program: complaints, or why it could not look."""
    result: dict[str, Any] = {"program": program.name, "part": program.part, "kind": program.kind}
    quiet = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(quiet),
        contextlib.redirect_stderr(quiet),
    ):
        warnings.simplefilter("ignore")
        started = time.perf_counter()
        try:
            result["complaints"] = ADAPTERS[tool](build(program.build()))
        except NotApplicableError as reason:
            result["unable"] = str(reason)
        except Exception as error:
            result["unable"] = f"{type(error).__name__}: {error}"[:200]
        result["seconds"] = time.perf_counter() - started
    return result


def version(tool: str) -> str:
    """The installed version of the tool's distribution."""
    try:
        return importlib.metadata.version(tool.split(",")[0].split(" ")[0])
    except importlib.metadata.PackageNotFoundError:
        return "does not install"


if __name__ == "__main__":
    main()
