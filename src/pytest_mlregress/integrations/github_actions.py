"""GitHub Actions: the job's summary, and annotations beside the lines of a change.

The environment of a job says that it is one: https://docs.github.com/actions/reference/workflows-and-actions/variables.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_mlregress.reporting.report import RunReport

STOP_COMMANDS: Final = "::stop-commands::{token}"
RESUME_COMMANDS: Final = "::{token}::"
"""Between these two lines GitHub obeys nothing that is printed."""

LONGEST_SUMMARY: Final = 900 * 1024
"""Bytes of one summary."""

_LONGEST_FILE: Final = 1024 * 1024
"""Bytes that GitHub takes of a step, whoever wrote them; it refuses the whole file beyond."""

_LEAST: Final = 4_000
"""Bytes below which the summary is the first line alone."""


def runs_here(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process runs in a job of GitHub Actions.

    Args:
        environ: the environment variables.

    Returns:
        The answer.
    """
    return environ.get("GITHUB_ACTIONS") == "true"


def summary_file(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The file that GitHub shows as the summary of the step.

    Args:
        environ: the environment variables.

    Returns:
        The file; None elsewhere.
    """
    path = environ.get("GITHUB_STEP_SUMMARY")
    return Path(path) if path else None


def append_summary(file: Path, report: RunReport) -> None:
    """Append the report as Markdown to what other commands of the step have written.

    Both together stay below what GitHub takes; where there is room for nothing, nothing is written.

    Args:
        file: the file, made if it is missing.
        report: the report.

    Raises:
        OSError: it cannot be written.
    """
    from pytest_mlregress.reporting.markdown.page import first_line, to_markdown

    before = file.read_bytes() if file.exists() else b""
    gap = b"" if not before else b"\n" if before.endswith(b"\n") else b"\n\n"
    room = min(LONGEST_SUMMARY, _LONGEST_FILE - len(before) - len(gap))
    if room >= _LEAST:
        text = to_markdown(report, longest=room)
    else:
        text = f"{first_line(report)}\n"
    content = gap + text.encode("utf-8", "backslashreplace")
    if len(content) > room + len(gap):
        return
    with file.open("ab") as stream:
        stream.write(content)
