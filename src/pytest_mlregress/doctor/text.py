"""The findings as text: by topic, problems first, at the width of the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pytest_mlregress.doctor.finding import LEVELS, DoctorFinding, Level
from pytest_mlregress.doctor.registry import TOPICS, Topic, questions
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.text_layout import wrap, wrap_command

__all__ = ["report_lines", "summary_line"]

_COLUMN: Final = 11
_SHOWN_OK: Final = 2
"""So many passing lines of one check are printed; of a large suite the others only say the same."""


def report_lines(findings: Sequence[DoctorFinding], *, title: str, width: int) -> Iterator[str]:
    """The report of a diagnosis.

    Args:
        findings: what the checks found.
        title: what was examined.
        width: width in terminal cells.

    Yields:
        Its lines; the last one counts the findings.
    """
    yield from wrap(title, width)
    topic_of: dict[str, Topic] = {question.name: question.topic for question in questions()}
    by_topic: dict[Topic, list[DoctorFinding]] = {}
    for finding in findings:
        by_topic.setdefault(topic_of[finding.check], []).append(finding)
    order = list(TOPICS)
    for topic, own in sorted(
        by_topic.items(),
        key=lambda entry: (min(_rank(each.level) for each in entry[1]), order.index(entry[0])),
    ):
        yield ""
        yield TOPICS[topic]
        for finding in _shortened(sorted(own, key=lambda each: _rank(each.level))):
            yield from _lines_of(finding, width)
    yield ""
    yield from wrap(summary_line(findings), width)


def summary_line(findings: Iterable[DoctorFinding]) -> str:
    """The number of findings of each level."""
    numbers = Counter(finding.level for finding in findings)
    return (
        f"{count_of(numbers['problem'], 'problem')}, {count_of(numbers['warning'], 'warning')}, "
        f"{numbers['ok']} ok, {numbers['skipped']} skipped"
    )


def _rank(level: Level) -> int:
    return LEVELS.index(level)


def _shortened(findings: Sequence[DoctorFinding]) -> Iterator[DoctorFinding]:
    """Without the further passing lines of one check, whose number the last one says."""
    passing = Counter(each.check for each in findings if each.level == "ok")
    shown: Counter[str] = Counter()
    for each in findings:
        if each.level != "ok":
            yield each
            continue
        shown[each.check] += 1
        left = passing[each.check] - _SHOWN_OK
        if shown[each.check] < _SHOWN_OK or left <= 0:
            yield each
        elif shown[each.check] == _SHOWN_OK:
            evidence = f"{each.evidence} (and {left} more)"
            yield DoctorFinding(each.check, "ok", evidence, "", each.location)


def _lines_of(finding: DoctorFinding, width: int) -> Iterator[str]:
    first = f"  {finding.level:<{_COLUMN - 2}}"
    rest = " " * _COLUMN
    if finding.level in ("problem", "warning"):
        place = f"  {finding.location}" if finding.location else ""
        yield from wrap(f"{finding.check}{place}", width, first=first, rest=rest)
        yield from wrap(finding.evidence, width, first=rest, rest=rest)
    else:
        yield from wrap(f"{finding.check}: {finding.evidence}", width, first=first, rest=rest)
    if finding.remedy:
        lines = wrap_command(finding.remedy, width, first=f"{rest}-> ", rest=f"{rest}   ")
        yield from (line.removesuffix(" \\") for line in lines)
