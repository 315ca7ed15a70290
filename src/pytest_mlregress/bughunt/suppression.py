"""Suppressions: what the user declared to be intended, and whether it is still needed."""

from __future__ import annotations

import linecache
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pytest_mlregress.bughunt.catalogue.suppressions import (
    SUPPRESSION_WITHOUT_REASON,
    UNNEEDED_SUPPRESSION,
)
from pytest_mlregress.bughunt.findings import Finding

_COMMENT = re.compile(r"#\s*mlregress:\s*ignore\[(?P<slugs>[\w\s,-]+)\](?P<reason>.*)$")


@dataclass(frozen=True)
class Inline:
    """A comment ``# mlregress: ignore[slug, slug] reason`` at one line."""

    location: str
    slugs: tuple[str, ...]
    reason: str


def inline_at(location: str | None) -> Inline | None:
    """The suppression comment at a ``file:line``, if there is one."""
    if location is None:
        return None
    filename, _, line = location.rpartition(":")
    match = _COMMENT.search(linecache.getline(filename, int(line)).rstrip())
    if match is None:
        return None
    slugs = tuple(slug.strip() for slug in match["slugs"].split(",") if slug.strip())
    return Inline(location, slugs, match["reason"].strip())


def split(
    findings: Iterable[Finding], suppress: Collection[str]
) -> tuple[list[Finding], list[Finding]]:
    """(those to report, those suppressed by slug or by a comment at their line)."""
    reported: list[Finding] = []
    suppressed: list[Finding] = []
    for finding in findings:
        comment = inline_at(finding.location)
        silenced = finding.check in suppress or (
            comment is not None and finding.check in comment.slugs
        )
        (suppressed if silenced else reported).append(finding)
    return reported, suppressed


def complaints(
    suppress: Collection[str],
    suppressed: Iterable[Finding],
    answered: Collection[str],
    executed: Iterable[str],
) -> list[Finding]:
    """Warnings about suppressions that lack a reason or that nothing needs.

    Args:
        suppress: the slugs given by argument.
        suppressed: the findings that suppressions silenced.
        answered: slugs whose check ran and could tell; only these can be called unneeded.
        executed: lines that the hunt saw running; only comments there are looked at.
    """
    hits = list(suppressed)
    found = [
        _unneeded(slug, "suppress=", None)
        for slug in suppress
        if slug in answered and not any(hit.check == slug for hit in hits)
    ]
    for comment in filter(None, map(inline_at, sorted(set(executed)))):
        if not comment.reason:
            found.append(_without_reason(comment))
        used = {hit.check for hit in hits if hit.location == comment.location}
        found += [
            _unneeded(slug, "the comment", comment.location)
            for slug in comment.slugs
            if slug in answered and slug not in used
        ]
    return found


def _unneeded(slug: str, what: str, location: str | None) -> Finding:
    return UNNEEDED_SUPPRESSION.finding(
        location=location, evidence=f"the check {slug} ran and was silent", what=what, slug=slug
    )


def _without_reason(comment: Inline) -> Finding:
    return SUPPRESSION_WITHOUT_REASON.finding(
        location=comment.location,
        evidence="no text after the closing bracket",
        slugs=", ".join(comment.slugs),
    )
