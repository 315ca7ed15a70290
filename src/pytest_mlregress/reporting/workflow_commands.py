"""The worst verdicts as GitHub's annotations: workflow commands, which a job prints.

The format is that of `@actions/core`: a line ``::error file=…,line=…,title=…::message``, in which
a percent sign and line ends are escaped, and in properties colons and commas too.
"""

from __future__ import annotations

from typing import Final

from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.since_text import since_text
from pytest_mlregress.reporting.text_layout import clip, one_line
from pytest_mlregress.verdicts.verdict import Colour, Verdict

MOST_ANNOTATIONS: Final = 10
"""GitHub shows ten errors and ten warnings of a step."""

_SIGN: Final = 2 * ":"
_LONGEST: Final = 1_000
_IN_DATA: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTIES: Final = _IN_DATA | {":": "%3A", ",": "%2C"}
_COMMANDS: Final = {Colour.RED: "error", Colour.YELLOW: "warning"}


def annotation_commands(report: RunReport) -> tuple[str, ...]:
    """One workflow command for each of the worst tests, at its file and line.

    Args:
        report: the report.

    Returns:
        The lines, at most `MOST_ANNOTATIONS`; none for greens.
    """
    worst = [verdict for verdict in report.most_severe_first if verdict.colour in _COMMANDS]
    return tuple(_annotation(report, verdict) for verdict in worst[:MOST_ANNOTATIONS])


def _annotation(report: RunReport, verdict: Verdict) -> str:
    properties = {"title": f"mlregress: {verdict.kind}"}
    place = report.place_in_repository(verdict.test)
    if place is not None:
        properties = {"file": place[0], "line": str(place[1])} | properties
    message = f"{verdict.test}: {headline(verdict)}"
    if verdict.since is not None:
        message = f"{message}, {since_text(verdict.since)}"
    written = ",".join(
        f"{name}={_escaped(value, _IN_PROPERTIES)}" for name, value in properties.items()
    )
    data = _escaped(clip(one_line(message), _LONGEST), _IN_DATA)
    return f"{_SIGN}{_COMMANDS[verdict.colour]} {written}{_SIGN}{data}"


def _escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in one_line(text))
