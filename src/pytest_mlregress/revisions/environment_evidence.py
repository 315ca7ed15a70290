"""What a comparison of two environments showed, kept until baselines are recorded again.

A file of plain JSON in pytest's cache folder. Whatever in it is not as this module writes it makes
the whole of it worthless, and it is then as if there was none.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.baselines.artifact import Environment, Fact
from pytest_mlregress.baselines.atomic import replace_file
from pytest_mlregress.baselines.environment import environment_fingerprint

__all__ = [
    "FILE_NAME",
    "ComparedTest",
    "EnvironmentEvidence",
    "read_evidence",
    "write_evidence",
]

FILE_NAME: Final = "environment-evidence.json"

_FORMAT: Final = 1
_LABEL_LENGTH: Final = 12
_MOST_DIFFERENCES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedTest:
    """What the comparison showed of one test.

    Attributes:
        test: the node id without the seed.
        tier: the tier.
        verdict: the verdict.
        pairs: number of seeds, trained on both sides, that the verdict rests on.
        base: the environment in which the base's seeds trained.
        candidate: that of the candidate's seeds.
        effects: per metric the change from base to candidate and both ends of its confidence
            interval, in metric units, oriented so that a loss is negative.
    """

    test: str
    tier: str
    verdict: str
    pairs: int
    base: Environment
    candidate: Environment
    effects: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentEvidence:
    """A comparison of two environments on the same code, by all tests of a suite.

    Attributes:
        time: when it was made, in UTC (ISO 8601).
        commit: the commit of the code.
        diff_hash: hash of its uncommitted changes, None for a clean tree.
        differences: what differs between the environments, such as ``torch 2.5.1 -> 2.6.0``.
        summary: what it showed of the suite, in one sentence.
        tests: what it showed of each test.
    """

    time: str
    commit: str
    diff_hash: str | None
    differences: tuple[str, ...]
    summary: str
    tests: tuple[ComparedTest, ...]

    @property
    def label(self) -> str:
        """A name that all baselines share which are recorded on this evidence."""
        text = json.dumps(_document(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:_LABEL_LENGTH]

    def of(self, test: str, tier: str) -> ComparedTest | None:
        """What it showed of one test.

        Args:
            test: the node id without the seed.
            tier: the tier.

        Returns:
            The evidence; None if the test was not compared.
        """
        return next((t for t in self.tests if (t.test, t.tier) == (test, tier)), None)

    def for_ledger(self, test: ComparedTest) -> dict[str, Fact]:
        """The evidence on one test, as its baseline keeps it.

        Args:
            test: one of `tests`.

        Returns:
            Few plain values by name.
        """
        listed = self.differences[:_MOST_DIFFERENCES]
        left = len(self.differences) - len(listed)
        changes, lows, highs = (
            {name: effect[part] for name, effect in test.effects.items()} for part in range(3)
        )
        return {
            "label": self.label,
            "time": self.time,
            "commit": self.commit,
            "diff_hash": self.diff_hash,
            "differences": (*listed, *([f"and {left} more"] if left else [])),
            "tests": len(self.tests),
            "suite": self.summary,
            "verdict": test.verdict,
            "pairs": test.pairs,
            "change": changes,
            "low": lows,
            "high": highs,
        }


def write_evidence(folder: Path, evidence: EnvironmentEvidence) -> None:
    """Keep the evidence in place of what was kept before.

    Args:
        folder: an existing folder.
        evidence: the evidence.

    Raises:
        OSError: it cannot be written; what was kept before is untouched.
    """
    text = json.dumps(_document(evidence), indent=1, sort_keys=True)
    replace_file(folder / FILE_NAME, text.encode())


def read_evidence(folder: Path) -> EnvironmentEvidence | None:
    """The evidence that is kept in a folder.

    Args:
        folder: the folder.

    Returns:
        The evidence; None if there is none, or it cannot be read.
    """
    try:
        document = json.loads((folder / FILE_NAME).read_bytes())
        return _evidence(document) if document["format"] == _FORMAT else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _document(evidence: EnvironmentEvidence) -> dict[str, Any]:
    """Each environment once: those of most tests are the same."""
    return {
        "format": _FORMAT,
        "time": evidence.time,
        "commit": evidence.commit,
        "diff_hash": evidence.diff_hash,
        "differences": list(evidence.differences),
        "summary": evidence.summary,
        "environments": dict(_environments(evidence.tests)),
        "tests": [
            {
                "test": test.test,
                "tier": test.tier,
                "verdict": test.verdict,
                "pairs": test.pairs,
                "base": environment_fingerprint(test.base),
                "candidate": environment_fingerprint(test.candidate),
                "effects": {name: [str(v) for v in test.effects[name]] for name in test.effects},
            }
            for test in evidence.tests
        ],
    }


def _environments(tests: Iterable[ComparedTest]) -> Iterable[tuple[str, Environment]]:
    for test in tests:
        for environment in (test.base, test.candidate):
            yield environment_fingerprint(environment), environment


def _evidence(document: Mapping[str, Any]) -> EnvironmentEvidence:
    """The inverse of `_document`.

    Raises:
        ValueError: a value is of another kind; other exceptions are those of a wrong shape.
    """
    environments = {key: _mapping(value) for key, value in document["environments"].items()}
    return EnvironmentEvidence(
        time=_text(document["time"]),
        commit=_text(document["commit"]),
        diff_hash=None if document["diff_hash"] is None else _text(document["diff_hash"]),
        differences=tuple(map(_text, document["differences"])),
        summary=_text(document["summary"]),
        tests=tuple(
            ComparedTest(
                test=_text(test["test"]),
                tier=_text(test["tier"]),
                verdict=_text(test["verdict"]),
                pairs=int(test["pairs"]),
                base=environments[test["base"]],
                candidate=environments[test["candidate"]],
                effects={name: _effect(values) for name, values in test["effects"].items()},
            )
            for test in document["tests"]
        ),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected text")
    return value


def _mapping(value: object) -> Environment:
    if not isinstance(value, dict):
        raise ValueError("expected an object")
    return value


def _effect(values: Iterable[str]) -> tuple[float, float, float]:
    change, low, high = map(float, values)
    if not math.isfinite(change):
        raise ValueError("expected a finite change")
    return change, low, high
