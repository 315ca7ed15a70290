"""A curve as a file: the suffix gives the format, and it is written whole or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Final

from pytest_mlregress.reporting.command_report import (
    check_report_file,
    json_text,
    write_report_file,
)
from pytest_mlregress.reporting.curve_text import (
    curve_document,
    curve_sentence,
    curve_title,
    table_rows,
)
from pytest_mlregress.reporting.plots.curve import curve_svg
from pytest_mlregress.revisions.curves.result import CurveResult

__all__ = ["check_curve_file", "write_curve_file"]


def check_curve_file(path: Path) -> None:
    """Refuse a file that could not be written, before anything is trained.

    Args:
        path: the file.

    Raises:
        CommandError: another suffix than those of the formats, or no file can be written there.
    """
    check_report_file(path, _FORMATS)


def write_curve_file(path: Path, found: CurveResult) -> None:
    """Write the curve; missing folders are made.

    Args:
        path: the file.
        found: the curve.

    Raises:
        CommandError: the file cannot be written.
    """
    write_report_file(path, _FORMATS[path.suffix](found))


def _to_json(found: CurveResult) -> str:
    return json_text(curve_document(found))


def _to_markdown(found: CurveResult) -> str:
    rows = "\n".join(f"| {' | '.join(map(_cell, row))} |" for row in table_rows(found))
    notes = "".join(f"\n- {_cell(note)}" for note in found.notes)
    return (
        f"## {_cell(curve_title(found))}\n\n{_cell(curve_sentence(found))}\n\n"
        f"| share | {_cell(found.metric)} | 95 % interval |\n|---:|---:|:---|\n{rows}\n{notes}\n"
    )


def _cell(text: str) -> str:
    """Text that neither ends a cell nor begins a tag."""
    return escape(text, quote=False).replace("|", "\\|").replace("\n", " ")


def _to_html(found: CurveResult) -> str:
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in table_rows(found)
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in found.notes)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(curve_title(found))}</title>\n"
        "<style>body{font-family:sans-serif;max-width:44em;margin:2em auto}"
        "td,th{padding:.2em 1em;text-align:right}</style></head>\n<body>\n"
        f"<h1>{escape(curve_title(found))}</h1>\n<p>{escape(curve_sentence(found))}</p>\n"
        f"{curve_svg(found)}<table>\n<tr><th>share</th><th>{escape(found.metric)}</th>"
        f"<th>95 % interval</th></tr>\n{rows}\n</table>\n<ul>{notes}</ul>\n</body></html>\n"
    )


_FORMATS: Final[Mapping[str, Callable[[CurveResult], str]]] = {
    ".html": _to_html,
    ".md": _to_markdown,
    ".json": _to_json,
    ".svg": curve_svg,
}
