"""Report files of the commands: the suffix gives the format, and a file is written whole or not."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from pytest_mlregress.baselines.atomic import check_replaceable, replace_file
from pytest_mlregress.reporting.json_report import builtin
from pytest_mlregress.revisions.command_error import CommandError

__all__ = ["check_report_file", "json_text", "write_report_file"]


def check_report_file(path: Path, suffixes: Collection[str], *, option: str = "--report") -> None:
    """Refuse a path that no report can be written to, before anything trains.

    Args:
        path: the file.
        suffixes: those of the formats that the command writes.
        option: the option that named the file.

    Raises:
        CommandError: another suffix, or nothing can be written there.
    """
    if path.suffix not in suffixes:
        raise CommandError(
            f"{option} {path}: a report's name ends with {', '.join(suffixes)}, which says its kind"
        )
    try:
        check_replaceable(path)
    except OSError as error:
        raise _unwritable(path, error, option) from None


def write_report_file(path: Path, text: str, *, option: str = "--report") -> None:
    """Write a report in one step; missing folders are made.

    Args:
        path: the file.
        text: its content.
        option: the option that named the file.

    Raises:
        CommandError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise _unwritable(path, error, option) from None


def json_text(document: object) -> str:
    """A document as strict JSON, in which non-finite numbers are text.

    Args:
        document: what `builtin` takes.

    Returns:
        The text, with a newline at its end.
    """
    return json.dumps(builtin(document), indent=2, sort_keys=True, allow_nan=False) + "\n"


def _unwritable(path: Path, error: OSError, option: str) -> CommandError:
    return CommandError(
        f"cannot write the report {path}: {error.strerror or error}; make {path.parent} a writable "
        f"folder with free space, or give {option} another path"
    )
