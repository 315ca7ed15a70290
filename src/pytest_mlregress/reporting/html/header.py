"""The top of the HTML report: which code was compared with which, where, and what happened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.since_text import SHORT, day_text
from pytest_mlregress.verdicts.since import Since
from pytest_mlregress.verdicts.verdict import Colour

_FILES_SHOWN: Final = 50

Fact = Mapping[str, Any]


def header_facts(report: RunReport) -> list[Fact]:
    """What was compared with what, and where: label, text, flag and folded lines of each.

    Args:
        report: the report.

    Returns:
        The facts in reading order.
    """
    return [*_other_side(report), *_this_side(report), *_machine(report)]


def colour_counts(report: RunReport) -> list[tuple[str, int, str]]:
    """Colour, number of tests and verdicts of each colour that occurred, the worst first.

    Args:
        report: the report.

    Returns:
        The counts.
    """
    by_colour: dict[Colour, dict[str, int]] = {}
    for verdict in report.most_severe_first:
        kinds = by_colour.setdefault(verdict.colour, {})
        kinds[str(verdict.kind)] = kinds.get(str(verdict.kind), 0) + 1
    return [
        (str(colour), sum(kinds.values()), ", ".join(f"{n} {kind}" for kind, n in kinds.items()))
        for colour, kinds in by_colour.items()
    ]


def _other_side(report: RunReport) -> Iterator[Fact]:
    """The base of an A/B run, or the commits of the baselines."""
    known = {v.since.commit: v.since for v in report.verdicts if v.since is not None}
    here = _checked_out(report)
    if report.sides is not None:
        commit = report.sides.base_commit
        since = known.get(commit or "")
        text = f"{report.sides.against}"
        detail = _when(since, here) if since else ""
        yield _fact("base", (commit or "")[:SHORT], f"{text}{', ' if detail else ''}{detail}")
        return
    commits = {v.baseline_commit for v in report.verdicts if v.baseline_commit}
    commits |= known.keys()
    if len(commits) == 1:
        (commit,) = commits
        since = known.get(commit)
        yield _fact("baseline", commit[:SHORT], _when(since, here) if since else "")
    elif commits:
        lines = [
            f"{commit[:SHORT]}  {_when(known[commit], here) if commit in known else ''}".rstrip()
            for commit in sorted(commits, key=lambda c: known[c].date if c in known else "")
        ]
        yield _fact("baselines", "", f"{len(commits)} commits", lines=lines)


def _checked_out(report: RunReport) -> str | None:
    """The commit of the tree; None where the report does not know it."""
    if report.code is not None:
        return report.code.commit
    return report.sides.candidate_commit if report.sides is not None else None


def _when(since: Since, here: str | None) -> str:
    """``12 Mar 2026, 2 commits before``; commits of baselines alone do not count."""
    texts = [day_text(since.date)] if since.date else []
    if since.commits is None:
        texts.append("a commit that is not here")
    elif since.commits:
        texts.append(f"{count_of(since.commits, 'commit')} before")
    elif since.commit == here:
        texts.append("the commit checked out")
    else:
        texts.append("no commit of code since")
    return ", ".join(texts)


def _this_side(report: RunReport) -> Iterator[Fact]:
    tree = report.code
    if tree is None:
        if report.sides is not None and report.sides.candidate_commit:
            changed = report.sides.uncommitted
            yield _fact(
                "now",
                report.sides.candidate_commit[:SHORT],
                "",
                flag=_dirty(changed) if changed else "clean",
                lines=changed,
            )
        return
    if tree.commit is None and tree.unknown is None:
        return
    yield _fact(
        "now",
        (tree.commit or "")[:SHORT] or "no commit",
        f"on {tree.branch}" if tree.branch else "",
        flag=_flag(tree),
        lines=_changed(tree),
    )


def _flag(tree: WorkingTree) -> str:
    if not tree.dirty:
        return "clean"
    return _dirty(tree.changed) if tree.changed else "dirty"


def _dirty(changed: Sequence[str]) -> str:
    return f"dirty: {count_of(len(changed), 'file')} uncommitted"


def _changed(tree: WorkingTree) -> list[str]:
    if not tree.dirty:
        return []
    shown = list(tree.changed[:_FILES_SHOWN])
    if more := len(tree.changed) - len(shown):
        shown.append(f"… and {count_of(more, 'more file')}")
    if tree.unknown:
        shown.append(f"git: {tree.unknown}")
    return [*shown, f"digest of the changes: {tree.diff_hash}"] if tree.diff_hash else shown


def _machine(report: RunReport) -> Iterator[Fact]:
    if report.machine:
        yield _fact("machine", "", report.machine)


def _fact(label: str, commit: str, text: str, *, flag: str = "", lines: Sequence[str] = ()) -> Fact:
    return {"label": label, "commit": commit, "text": text, "flag": flag, "lines": list(lines)}
