"""Train tiny versions of real architectures under the guards; nothing should be heard.

    architectures/bin/python -m benchmarks.bughunt.architectures.guarded

The environment and the programs are those of ``benchmarks.bughunt.architectures``. The user's code
is the loop; what the libraries' models do inside is none of the guards' business for some checks.
"""

from __future__ import annotations

import argparse
import warnings

import torch

from pytest_mlregress.bughunt.guards import Guard, watch

from .__main__ import LIBRARIES, adamw, programs
from .program import NotBuiltError, Program

STEPS, EVERY = 15, 5


def main() -> None:
    """Train the programs, print each finding, and count."""
    options = parser().parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    trained = heard = silent = 0
    for library in options.library or LIBRARIES:
        for program in programs(library, packed=False):
            try:
                guard = guard_of(program)
            except NotBuiltError:
                continue
            trained, heard = trained + 1, heard + bool(guard.findings)
            silent += guard.silent is not None
            for finding in guard.findings:
                print(f"{library}:{program.name}: {finding}", flush=True)
    print(f"{trained} programs, {heard} with a finding, {silent} at which the guards fell silent")


def guard_of(program: Program) -> Guard:
    """The guard of an ordinary training of the program, with an evaluation now and then."""
    make_model, make_batch = program.build()
    torch.manual_seed(0)
    with watch() as guard:
        model, batch = make_model(), make_batch(torch.Generator().manual_seed(0))
        optimizer = adamw(model)
        for step in range(1, STEPS + 1):
            model.train()
            optimizer.zero_grad()
            program.loss_fn(model, batch).backward()
            optimizer.step()
            if step % EVERY == 0:
                model.eval()
                with torch.no_grad():
                    for _ in range(2):
                        program.loss_fn(model, batch)
    return guard


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--library", action="append", choices=LIBRARIES, default=None)
    return made


if __name__ == "__main__":
    main()
