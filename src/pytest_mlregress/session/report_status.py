"""How pytest counts and shows the reports of seeds and of verdicts.

Every process asks for it at every report, workers too: it loads nothing that reaches a verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from pytest_mlregress.running.seed_keys import REPORT_ATTRIBUTE
from pytest_mlregress.verdicts.verdict import VerdictKind

VERDICT_ATTRIBUTE: Final = "mlregress_verdict"
"""On a verdict's reports: the name of the verdict, for `status_of` and for other plugins."""

LOST_ATTRIBUTE: Final = "mlregress_lost"
"""On the report of a worker that died in a seed which is run again."""

_TRAINED: Final = "seeds"
_SAVED: Final = "saved"
_UNCHANGED: Final = "seeds not run"
COUNTED: Final = (_TRAINED, _SAVED, _UNCHANGED)
"""The categories of seeds, of which pytest's last line says no more than how many there are."""

Status = tuple[str, str, str | tuple[str, dict[str, bool]]]


def status_of(report: pytest.TestReport) -> Status | None:
    """Category, letter and word of a verdict or a seed, None to leave it to pytest."""
    if hasattr(report, LOST_ATTRIBUTE):
        return "rerun", "R", ("LOST, RUN AGAIN", {"yellow": True})
    kind = getattr(report, VERDICT_ATTRIBUTE, None)
    if hasattr(report, "wasxfail"):
        return None
    return _seed_status(report) if kind is None else _verdict_status(report, kind)


def _seed_status(report: pytest.TestReport) -> Status | None:
    """Seeds are counted apart from tests; a seed that failed is shown as any failed test."""
    if hasattr(report, "context"):  # one of pytest's subtests
        return None
    payload = getattr(report, REPORT_ATTRIBUTE)
    if payload["stopped"] and report.skipped:
        return _SAVED, "-", ("SAVED", {"green": True})
    if payload.get("left_out") and report.skipped:
        return _UNCHANGED, "-", ("UNCHANGED", {"green": True})
    if report.passed and report.when == "call":
        letter = "." if payload["xfailed"] is None else "x"
        return _TRAINED, letter, (_seed_word(payload), {"green": True})
    return None


def _seed_word(payload: Mapping[str, Any]) -> str:
    """What ``-v`` says of a seed: ``SEED accuracy 0.9133 (4.1 s)``."""
    if "seconds" not in payload:  # trained on the base, or in an earlier run
        return "SEED"
    from pytest_mlregress.reporting.progress_text import seed_line

    return seed_line(payload["values"], payload["seconds"])


_UNDECIDED: Final = (
    VerdictKind.INCONCLUSIVE,
    VerdictKind.UNAFFORDABLE,
    VerdictKind.INCOMPLETE,
    VerdictKind.NO_BASELINE,
)


def _verdict_status(report: pytest.TestReport, kind: str) -> Status | None:
    if report.when != "call":
        return "", "", ""
    word = kind.upper()
    if report.failed:
        return "failed", "F", "FAILED"
    if kind in _UNDECIDED:
        return kind, "?", (word, {"yellow": True})
    if kind == VerdictKind.MINOR:
        return "passed", "m", (word, {"yellow": True})
    return "passed", ".", (word, {"green": True})
