"""A test's past: the revisions of its baseline, and how much of the drift budget they spent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pytest_mlregress.baselines.artifact import Artifact, LedgerEntry
from pytest_mlregress.baselines.history import accepted_loss
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.html.figures import short_name, typeset
from pytest_mlregress.reporting.number_format import number, numbers
from pytest_mlregress.reporting.plots.revision import drift_room, ledger_words, revision_plot
from pytest_mlregress.reporting.sample_text import summarise
from pytest_mlregress.reporting.since_text import SHORT, day_text
from pytest_mlregress.reporting.text_layout import one_line
from pytest_mlregress.verdicts.verdict import Verdict

__all__ = ["RevisionRow", "revisions"]

_ROWS: Final = 30


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One entry of the ledger.

    Attributes:
        day: when it was accepted.
        commit: of the accepted values.
        what: what moved the baseline.
        effects: the change of each mean in words.
        reason: why it was accepted.
    """

    day: str
    commit: str
    what: str
    effects: str
    reason: str


def revisions(verdict: Verdict, artifact: Artifact | None, commit: str | None) -> Mapping[str, Any]:
    """The past of a test.

    Args:
        verdict: the test.
        artifact: its baseline; None in an A/B run and without one.
        commit: that of the run.

    Returns:
        ``plots`` with a sentence each, ``rows`` of the ledger, the latest first, ``more``, how many
        earlier ones are left out, ``count``, the number of revisions.
    """
    if artifact is None:
        return {"plots": [], "rows": [], "more": 0, "count": 0}
    plots = []
    for metric in verdict.metrics:
        now = summarise(metric.candidate.values()).mean
        plot = revision_plot(artifact, metric.name, now=now, commit=commit)
        if plot is not None:
            plots.append((plot, short_name(metric.name), _drift(artifact, metric.name)))
    latest = artifact.ledger[::-1]
    return {
        "plots": plots,
        "rows": [_row(artifact, entry) for entry in latest[:_ROWS]],
        "more": max(0, len(latest) - _ROWS),
        "count": len(latest) + 1,
    }


def _row(artifact: Artifact, entry: LedgerEntry) -> RevisionRow:
    effects = [
        f"{short_name(name)} {typeset(number(_change(artifact, name, effect), signed=True))}"
        for name, effect in entry.effects.items()
    ]
    return RevisionRow(
        day=day_text(entry.time),
        commit=(entry.commit or "")[:SHORT],
        what=ledger_words(entry),
        effects=", ".join(effects),
        reason=one_line(entry.reason),
    )


def _change(artifact: Artifact, metric: str, effect: float) -> float:
    """The change of the mean itself: the ledger's effects count a loss as negative."""
    known = artifact.metrics.get(metric)
    return -effect if known is not None and not known.higher_is_better else effect


def _drift(artifact: Artifact, metric: str) -> str:
    """What updates have lost since the anchor, beside what they may lose."""
    room = drift_room(artifact, metric)
    if room is None:
        return "no anchor"
    anchor, budget = room
    since = artifact.anchor[metric]
    named = f"anchor {number(anchor, digits=4)} of {day_text(since.time)}"
    if not math.isfinite(budget):
        return named
    loss = accepted_loss(artifact, metric)
    lost, allowed = numbers((abs(loss), budget), digits=2, figures=3)
    moved = "lost" if loss > 0 else "gained"
    text = f"{named}; updates since {moved} {lost}, the drift budget is {allowed}"
    if not artifact.ledger or loss == 0:
        text = f"{named}; no update since, the drift budget is {allowed}"
    refused = f"; {count_of(since.refused, 'update')} refused since" if since.refused else ""
    return text + refused
