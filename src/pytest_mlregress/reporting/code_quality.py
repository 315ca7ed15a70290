"""The tests that are not green as GitLab's code quality report: notes beside the lines of a change.

The format is the part of Code Climate's that GitLab reads: https://docs.gitlab.com/ci/testing/code_quality.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from pytest_mlregress.node_ids import split_file
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.since_text import since_text
from pytest_mlregress.reporting.text_layout import clip, one_line
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind

_LONGEST: Final = 1_000
_CRITICAL: Final = frozenset({VerdictKind.REGRESSION, VerdictKind.DIVERGED})


def to_code_quality(report: RunReport) -> str:
    """One issue per test that is not green, the most severe first.

    The fingerprint is of the test, its tier and its verdict, so that GitLab knows an issue again
    that the target branch has too.

    Args:
        report: the report.

    Returns:
        JSON; an empty list for a green run.
    """
    issues = [_issue(report, v) for v in report.most_severe_first if v.colour is not Colour.GREEN]
    return json.dumps(issues, indent=2, ensure_ascii=False) + "\n"


def _issue(report: RunReport, verdict: Verdict) -> dict[str, object]:
    description = f"{verdict.test}: {headline(verdict)}"
    if verdict.since is not None:
        description = f"{description}, {since_text(verdict.since)}"
    place = report.place_in_repository(verdict.test)
    path, line = place if place is not None else (split_file(verdict.test)[0], 1)
    identity = "\0".join((verdict.test, verdict.tier, str(verdict.kind)))
    return {
        "description": clip(one_line(description), _LONGEST),
        "check_name": f"mlregress-{verdict.kind}",
        "fingerprint": hashlib.sha256(identity.encode("utf-8", "backslashreplace")).hexdigest(),
        "severity": _severity(verdict),
        "location": {"path": one_line(path), "lines": {"begin": line}},
    }


def _severity(verdict: Verdict) -> str:
    if verdict.colour is Colour.YELLOW:
        return "minor"
    return "critical" if verdict.kind in _CRITICAL else "major"
