"""Report files: the suffix gives the format, and a file is written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.atomic import check_replaceable, replace_file
from pytest_mlregress.reporting.code_quality import to_code_quality
from pytest_mlregress.reporting.html.page import to_html
from pytest_mlregress.reporting.json_report import json_pieces
from pytest_mlregress.reporting.markdown.page import to_markdown
from pytest_mlregress.reporting.openmetrics import to_openmetrics
from pytest_mlregress.reporting.report import ReportError, RunReport

FORMATS: Final[Mapping[str, Callable[[RunReport], str | Iterator[str]]]] = {
    ".html": to_html,
    ".json": json_pieces,
    ".md": to_markdown,
    ".codequality.json": to_code_quality,
    ".metrics.txt": to_openmetrics,
}
"""The end of a report's name gives its kind; the longest that fits counts."""


def check_report_path(path: Path | str) -> None:
    """Refuse a path that `write_report` could not write, before hours of training.

    Args:
        path: the file.

    Raises:
        ValueError: another end of the name than those of `FORMATS`.
        ReportError: no file can be written there; names the path and the remedy.
    """
    _kind_of(Path(path))
    try:
        check_replaceable(Path(path))
    except OSError as error:
        raise _unwritable(Path(path), error) from error


def write_report(path: Path | str, report: RunReport) -> None:
    """Write the report in the format of the path's suffix; missing folders are made.

    The file is replaced in one step, so that no reader and no crash ever sees half of one.

    Args:
        path: the file.
        report: the report.

    Raises:
        ValueError: another end of the name than those of `FORMATS`.
        ReportError: the file cannot be written; names the path and the remedy.
    """
    path = Path(path)
    text = FORMATS[_kind_of(path)](report)
    pieces = (text,) if isinstance(text, str) else text
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, (piece.encode("utf-8", "backslashreplace") for piece in pieces))
    except OSError as error:
        raise _unwritable(path, error) from error


def _kind_of(path: Path) -> str:
    """The key of `FORMATS`."""
    ends = [end for end in FORMATS if path.name.endswith(end) and path.name != end]
    if not ends:
        raise ValueError(
            f"--mlregress-report={path}: a report's name ends with .html, .json, .md, "
            ".codequality.json or .metrics.txt, which says its kind"
        )
    return max(ends, key=len)


def _unwritable(path: Path, error: OSError) -> ReportError:
    return ReportError(
        f"cannot write the report {path}: {error.strerror or error}; "
        f"make {path.parent} a writable folder with free space, "
        "or give --mlregress-report another path"
    )
