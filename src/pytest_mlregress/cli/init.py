"""`mlregress init`: the settings, a first test and the CI files of this repository."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from pytest_mlregress.baselines.atomic import replace_file
from pytest_mlregress.baselines.git_command import GitError, git
from pytest_mlregress.baselines.provenance import working_tree
from pytest_mlregress.cli.common import clear_errors, print_json, say
from pytest_mlregress.cli.rootdir import rootdir_option
from pytest_mlregress.plurals import count_of
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.scaffold.ci_files import SERVICES, Service, ci_steps, service_of
from pytest_mlregress.scaffold.first_test import first_test_step
from pytest_mlregress.scaffold.ini_keys import ini_step
from pytest_mlregress.scaffold.plan import Step


@click.command
@click.option("--dry-run", is_flag=True, help="Write nothing; say what would be written.")
@click.option(
    "--ci",
    type=click.Choice([*SERVICES, "none"]),
    help="The CI service (default: what the remote and the files of the repository say).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@rootdir_option
@clear_errors
def init(dry_run: bool, ci: str | None, as_json: bool, rootdir: Path) -> None:
    """Write the settings, a first test and the CI files.

    No file is overwritten, and nothing is asked. Run it again whenever you like.
    """
    root = rootdir.resolve()
    top = _top(root)
    steps = [ini_step(root), first_test_step(root)]
    ci_said, ci_found = _ci(root, top, ci)
    steps += ci_found
    if not dry_run:
        _write([step for step in steps if step.content is not None])
    commands, remark = _next(root, top, steps)
    if Path.cwd().resolve() != root:
        commands.insert(0, f"cd {shlex.quote(os.path.relpath(root))}")
    if as_json:
        found = [
            {"path": _name(step, root), "action": step.action, "what": step.what} for step in steps
        ]
        print_json({"dry_run": dry_run, "files": found, "next": commands})
        return
    for step in steps:
        planned = dry_run and step.content is not None
        action = f"would {step.action}" if planned else _DONE[step.action]
        say(f"{action:<11} {_name(step, root)}: {step.what}")
    if ci_said:
        say(ci_said)
    say(f"next{remark}:")
    for command in commands:
        say(f"  {command}")


_SHOWN: Final = 5
"""Most of the user's own files that a command names."""

_DONE: Final = {"write": "wrote", "edit": "edited", "keep": "kept"}


def _name(step: Step, root: Path) -> str:
    return step.path.relative_to(root).as_posix()


def _top(root: Path) -> Path | None:
    """The top folder of the repository; None outside git."""
    try:
        return Path(git(root, "rev-parse", "--show-toplevel").decode().rstrip("\n")).resolve()
    except GitError:
        return None


def _ci(root: Path, top: Path | None, asked: str | None) -> tuple[str, list[Step]]:
    """What to say of CI, and its files."""
    if asked == "none":
        return "", []
    if top is not None and top != root:
        return (
            f"no CI file: it belongs into {top}; run `mlregress init` there, and give this folder "
            f"to pytest in it: pytest {shlex.quote(root.relative_to(top).as_posix())} -m mlregress"
        ), []
    service: Service | None = next((name for name in SERVICES if name == asked), service_of(root))
    if service is None:
        return f"no CI file: nothing here says which service; --ci={{{','.join(SERVICES)}}}", []
    return "", ci_steps(root, service)


def _write(steps: Sequence[Step]) -> None:
    """Write all files or, where one cannot be written, none."""
    for step in steps:
        folder = next(path for path in step.path.parents if path.exists())
        if not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise _cannot_write(step.path, f"{folder} is no writable folder; make it one")
        if step.action == "edit" and not os.access(step.path, os.W_OK):
            raise _cannot_write(step.path, "it is write-protected; make it writable")
    for step in steps:
        assert step.content is not None
        try:
            step.path.parent.mkdir(parents=True, exist_ok=True)
            if step.action == "write":
                with step.path.open("xb") as stream:  # not over one that has appeared in between
                    stream.write(step.content)
            else:
                file = step.path.resolve()
                mode = file.stat().st_mode
                replace_file(file, step.content)
                file.chmod(mode)
        except OSError as error:
            reason = f"{error.strerror or error}; make {step.path.parent} a writable folder"
            raise _cannot_write(step.path, reason) from None


def _cannot_write(path: Path, reason: str) -> CommandError:
    return CommandError(f"cannot write {path}: {reason}, then run mlregress init again")


def _next(root: Path, top: Path | None, steps: Sequence[Step]) -> tuple[list[str], str]:
    """The commands that come now, and why the first one does."""
    train = ["pytest -m mlregress --mlregress-update", "pytest -m mlregress"]
    if top is None:
        return train, ""
    changed = {(top / path).resolve() for path in working_tree(root).changed}
    # Those of an earlier run too, where they are not committed yet.
    uncommitted = [step for step in steps if step.content or step.path.resolve() in changed]
    ours = [_name(step, root) for step in uncommitted]
    others = changed - {step.path.resolve() for step in uncommitted}
    commit: list[str] = []
    if ours:
        commit = [f"git add {shlex.join(ours)}", 'git commit -m "Test for regressions of training"']
    elif others:
        names = sorted(Path(os.path.relpath(path, root)).as_posix() for path in others)
        listed = shlex.join(names) if len(names) <= _SHOWN else "--all"
        commit = [f"git add {listed}", "git commit"]
    record = "git add --all -- ':(glob)**/__baselines__/**' && git commit -m \"Record baselines\""
    return [*commit, train[0], record, train[1]], _remark(len(others), ours=bool(ours))


def _remark(others: int, *, ours: bool) -> str:
    """Why to commit first: inside git an update refuses a dirty tree."""
    if not (ours or others):
        return ""
    what = f"also {count_of(others, 'other file')}" if ours else count_of(others, "file")
    listed = f" ({what}, which git status lists)" if others else ""
    return f", commit first{listed}: an update refuses uncommitted changes"
