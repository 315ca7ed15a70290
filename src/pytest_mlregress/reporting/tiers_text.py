"""What `mlregress tiers` says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import number, numbers, seconds
from pytest_mlregress.reporting.text_layout import one_line, wrap
from pytest_mlregress.revisions.tiers.comparison import TierComparison
from pytest_mlregress.statistics.rank_agreement import LEAST_PAIRS

__all__ = ["tiers_document", "tiers_lines"]


def tiers_lines(found: TierComparison, *, width: int = 80) -> Iterator[str]:
    """A comparison for a terminal.

    Args:
        found: the comparison.
        width: in cells.

    Yields:
        The lines.
    """
    metric = f": {found.metric}" if found.metric is not None else ""
    yield from wrap(
        one_line(f"{found.test}{metric}, {found.fast} against {found.full}"), width, rest="  "
    )
    yield from _table(found)
    for label, text in (
        ("ranking", ranking(found)),
        ("speed", speed(found)),
        ("missed", missed(found)),
    ):
        yield from wrap(text, width, first=f"  {label:<8} ")
    for note in found.notes:
        yield from wrap(one_line(note), width, first="  note     ")


def _table(found: TierComparison) -> Iterator[str]:
    if found.metric is None or not found.states:
        return
    rows = [("commit", found.fast, found.full, "from")]
    for state in found.states:
        fast, full = state.fast.mean(found.metric), state.full.mean(found.metric)
        rows.append((state.name, number(fast, digits=4), number(full, digits=4), str(state.source)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, fast_text, full_text, source in rows:
        yield (
            f"  {name:<{widths[0]}}  {fast_text:>{widths[1]}}  {full_text:>{widths[2]}}  {source}"
        )


def ranking(found: TierComparison) -> str:
    """Whether the fast tier ranks commits as the full one does.

    Args:
        found: the comparison.

    Returns:
        One or two sentences.
    """
    commits = count_of(len(found.states), "commit")
    agreement = found.agreement
    if agreement is None:
        lacking = LEAST_PAIRS - len(found.states)
        return (
            f"cannot tell: {commits} with both tiers, at least {LEAST_PAIRS} are needed; train "
            f"{lacking} more: mlregress tiers '{found.test}' --calibrate REF..."
        )
    if math.isnan(agreement.rho):
        return f"cannot tell: all {commits} have the same value in one of the tiers"
    rho, low, high = numbers((agreement.rho, agreement.low, agreement.high), digits=2)
    text = f"Spearman {rho} [{low}, {high}] over {commits}"
    if agreement.tells:
        text += f": {found.fast} ranks changes as {found.full} does"
    elif agreement.reverses:
        text += f": {found.fast} ranks changes the other way round than {found.full}"
    elif found.needed is None:
        text += f": {found.fast} ranks at random"
    else:
        text += (
            f": no better than at random, as far as these tell; {found.needed} commits would do "
            "if the correlation is as it seems"
        )
    if found.mostly_noise and found.noise is not None:
        text += (
            f". {100 * found.noise:.0f} % of the differences between commits in {found.full} are "
            "the scatter of its seeds: calibrate on commits that differ, or with more --seeds"
        )
    return text


def speed(found: TierComparison) -> str:
    """How much faster the fast tier is.

    Args:
        found: the comparison.

    Returns:
        One sentence.
    """
    share = found.share_of_time
    if share is None or found.fast_seconds is None or found.full_seconds is None:
        return (
            "not recorded with these commits; a calibration measures it: mlregress tiers "
            f"'{found.test}' --calibrate HEAD"
        )
    fast, full = seconds(found.fast_seconds), seconds(found.full_seconds)
    text = f"{fast} against {full} a seed: "
    if found.too_slow:
        return text + (
            f"{found.fast} takes {100 * share:.0f} % of the time of {found.full}, more than half; "
            "make it smaller"
        )
    return text + f"{number(1 / share, digits=2)} times faster"


def missed(found: TierComparison) -> str:
    """The changes that the fast tier missed.

    Args:
        found: the comparison.

    Returns:
        One sentence.
    """
    if len(found.states) < 2:
        return "no two commits to compare"
    if not found.changes:
        return f"no commit lost more than the margin in {found.full}"
    if not found.missed:
        return f"none of the {count_of(found.changes, 'change')} that lost more than the margin"
    parts = [
        f"{change.after} lost {number(-change.full, digits=2)} in {found.full} (margin "
        f"{number(change.margin, digits=2)}), in {found.fast} it changed by "
        f"{number(change.fast, digits=2, signed=True)}"
        for change in found.missed
    ]
    return f"{len(found.missed)} of {found.changes}: {'; '.join(parts)}"


def tiers_document(found: TierComparison) -> dict[str, Any]:
    """A comparison as plain builtins, as ``--json`` prints them.

    Args:
        found: the comparison.

    Returns:
        The document.
    """
    return {
        **asdict(found),
        "share_of_time": found.share_of_time,
        "too_slow": found.too_slow,
        "good": found.good,
        "answers": {
            "ranking": ranking(found),
            "speed": speed(found),
            "missed": missed(found),
        },
    }
