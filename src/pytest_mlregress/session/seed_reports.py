"""What pytest's reports of a seed say, as plain values that verdicts are reached with."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.baselines.urls import shareable
from pytest_mlregress.running.scalars import to_plain
from pytest_mlregress.running.seed_keys import REPORT_ATTRIBUTE
from pytest_mlregress.running.seed_outcome import SeedOutcome, timed_out_after
from pytest_mlregress.verdicts.group import SeedPhase

PHASES: Final = ("setup", "call", "teardown")
"""The phases of an item; the report of a worker that died has none of them."""


def phase_of(
    report: pytest.TestReport, payload: Mapping[str, Any] | None, root: Path | None = None
) -> SeedPhase:
    """What a report says of the seed.

    Args:
        report: of one phase of the seed, or of its worker's death.
        payload: what the plugin in the seed's process put on the report, None for nothing.
        root: pytest's rootdir, which paths in output and tracebacks are made relative to, since
            these are for reports; other absolute paths lose all but their last part.
    """
    outcome: SeedOutcome = "finished"
    message = traceback = ""
    captured = shareable(_end_of(_captured(report)), root) if report.sections else ""
    if payload is not None and "ended" in payload:  # on the base, whose reports never fail
        ended = payload["ended"]
        return SeedPhase(
            ended["outcome"],
            getattr(report, "duration", 0.0),
            str(to_plain(ended["message"])),
            payload,
            captured,
        )
    if report.failed:
        outcome = "failed" if report.when in PHASES else "lost"
        message = failure_message(report, root)
        if (limit := _compat.time_limit_in(message)) is not None:
            outcome = "timed out"
            message = f"{timed_out_after(limit)}{_place(report, root)}"
        if outcome != "lost":  # of one that was lost the message says everything
            traceback = shareable(_end_of(report.longreprtext), root)
    elif report.skipped:
        outcome = _why_skipped(payload)
        message = skip_reason(report)
    own = payload.get("own_seconds", 0.0) if payload is not None else 0.0
    duration = max(0.0, getattr(report, "duration", 0.0) - own)
    return SeedPhase(outcome, duration, message, payload, captured, traceback)


def slim_down(reports: Sequence[pytest.TestReport]) -> None:
    """Let the reports of a seed that has ended share what is equal, and keep what is still read.

    pytest keeps every report until the end of the run: three of each seed.

    Args:
        reports: those of one seed.
    """
    shared: dict[str, object] = {}
    for report in reports:
        _share_texts(report)
        payload = getattr(report, REPORT_ATTRIBUTE, None)
        if payload is not None:
            kept = {name: payload[name] for name in _READ_LATER if name in payload}
            setattr(report, REPORT_ATTRIBUTE, kept)
        for name, value in vars(report).items():
            other = shared.setdefault(name, value)
            if other is not value and not isinstance(value, list) and other == value:
                setattr(report, name, other)


def _share_texts(report: pytest.TestReport) -> None:
    """Of another process each report has texts of its own, which are those of many others."""
    if report.when not in PHASES:
        return  # of a worker that died: built by xdist, with less in it
    file, line, name = report.location
    report.location = (sys.intern(str(file)), line, name)
    report.keywords = {sys.intern(str(key)): value for key, value in report.keywords.items()}
    if isinstance(report.longrepr, tuple):
        report.longrepr = _one_of(report.longrepr)


@lru_cache(maxsize=1024)
def _one_of(skipped: tuple[str, int, str]) -> tuple[str, int, str]:
    """The first of equal values: where and why an item was skipped."""
    return skipped


def is_read_later(report: pytest.TestReport) -> bool:
    """False for a set-up or tear-down of a seed that has ended, passed and printed nothing.

    Args:
        report: any report.
    """
    payload = getattr(report, REPORT_ATTRIBUTE, None)
    ended = payload is not None and payload.keys() <= set(_READ_LATER)
    return not (ended and report.when != "call" and report.passed and not report.sections)


_READ_LATER: Final = ("stopped", "xfailed", "left_out")
"""What of a payload is asked for once its seed has ended, by `report_status`."""

_MOST_LINES: Final = 100
_MOST_CHARACTERS: Final = 10_000
"""What is kept of a seed's output: a suite can have thousands of seeds."""


def _captured(report: pytest.TestReport) -> str:
    """Every captured section that has a line, under pytest's heading."""
    sections = [
        f"{heading}\n{text.strip()}"
        for heading, text in report.sections
        if heading.startswith("Captured ") and text.strip()
    ]
    return "\n".join(sections)


def _end_of(text: str) -> str:
    """The last lines of a text."""
    lines = str(to_plain(text[-_MOST_CHARACTERS:])).splitlines()
    return "\n".join(lines[-_MOST_LINES:])


def _why_skipped(payload: Mapping[str, Any] | None) -> SeedOutcome:
    if payload is not None and payload["stopped"]:
        return "cancelled"
    return "unchanged" if payload is not None and payload.get("left_out") else "skipped"


_OWN: Final = str(Path(__file__).parents[1])


def failure_message(report: pytest.TestReport, root: Path | None = None) -> str:
    """One line that says why a seed failed, and where, relative to ``root`` if it is below it."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr or "failed")
    lines = text.strip().splitlines() or ["failed"]
    return str(to_plain(lines[0] + _place(report, root)))


def _place(report: pytest.TestReport, root: Path | None) -> str:
    """`` (test_a.py:12)``, empty where it is unknown."""
    crash = getattr(report.longrepr, "reprcrash", None)
    # Where this plugin fails a seed, the text says why; its own line would mislead.
    foreign = crash is not None and not str(crash.path).startswith(_OWN)
    return f" ({_below(root, crash.path)}:{crash.lineno})" if crash is not None and foreign else ""


def _below(root: Path | None, file: str) -> str:
    path = Path(file)
    return path.relative_to(root).as_posix() if root and path.is_relative_to(root) else file


def skip_reason(report: pytest.TestReport) -> str:
    """Why a seed was skipped: one text for all that were skipped for the same reason."""
    text = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr or "")
    return sys.intern(str(to_plain(text.removeprefix("Skipped: "))))
