"""What the subcommands share: options, errors on one line, JSON."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.cli.rootdir import rootdir_option
from pytest_mlregress.revisions.command_error import CommandError

_INTERRUPTED: Final = 130
"""The exit status of a shell's command that was interrupted."""

_F = TypeVar("_F", bound=Callable[..., None])


json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
json_report_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print the JSON report."
)
history_option: Final = click.option(
    "--history",
    "place",
    metavar="PATH",
    help="A file, an fsspec URL, or off (default: as the ini file says, else "
    ".mlregress/history.sqlite in the rootdir).",
)
report_option: Final = click.option(
    "--report",
    "report_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write a report; the suffix (.html, .json, .md) says which; repeatable.",
)
"""The report of a run; other commands have other reports."""


def as_report_option(error: Exception) -> str:
    """An error of a run's reports, with the name that the option has here.

    Args:
        error: the error.

    Returns:
        Its text, safe to print.
    """
    return visible(str(error)).replace("--mlregress-report", "--report")


def suite_options(command: _F) -> _F:
    """Give a command the options that say which suite, and how to print it.

    Args:
        command: the command; takes ``as_json``, ``source`` and ``rootdir``.

    Returns:
        It.
    """
    for option in (
        json_option,
        click.option(
            "--baseline",
            "source",
            metavar="SOURCE",
            help="A folder, git:REF or an fsspec URL (default: as the ini file says, else "
            "__baselines__ folders).",
        ),
        rootdir_option,
    ):
        command = option(command)
    return command


def training_options(command: _F) -> _F:
    """Give a command that trains seeds the options that all of them have.

    Args:
        command: the command; takes ``as_json``, ``workers``, ``rootdir`` and ``pytest_args``.

    Returns:
        It.
    """
    for option in (
        click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED, metavar="[-- PYTEST ARGS]"),
        json_option,
        click.option(
            "-n",
            "--workers",
            type=click.IntRange(1, 1024),
            default=1,
            show_default=True,
            help="Seeds that train at once.",
        ),
        click.option(
            "--rootdir",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            default=Path(),
            help="The folder to start pytest in (default: the current one).",
        ),
    ):
        command = option(command)
    return command


class CannotRunError(click.ClickException):
    """What the user asked for cannot be done as things are; exit status 2."""

    exit_code = 2


def clear_errors(command: _F) -> _F:
    """Make errors of our own one line, not a traceback.

    Args:
        command: the command.

    Returns:
        The command, which ends with status 2 for what the user can mend, 130 when interrupted.
    """

    @wraps(command)
    def guarded(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except CommandError as error:
            raise CannotRunError(visible(str(error))) from None
        except (BaselineError, ValueError) as error:
            raise click.ClickException(visible(str(error))) from None
        except KeyboardInterrupt as interrupt:
            say(str(interrupt) or "interrupted", err=True)
            raise click.exceptions.Exit(_INTERRUPTED) from None

    return guarded  # type: ignore[return-value]


def say(line: str, *, err: bool = False) -> None:
    """Print a line, in which names and messages of a file may hold anything.

    Args:
        line: the line; what could act on a terminal is shown as an escape.
        err: whether to print on stderr.
    """
    click.echo(visible(line).replace("\n", "\\n"), err=err)


def print_json(value: Any) -> None:
    """Print strict JSON: non-finite numbers are text, as in reports.

    Args:
        value: plain builtins and dataclasses' dictionaries of them.
    """
    from pytest_mlregress.reporting.command_report import json_text

    click.echo(json_text(value), nl=False)
