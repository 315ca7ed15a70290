"""One test in the HTML report: its figures, both sides' plots, and everything folded below."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.plurals import plural
from pytest_mlregress.reporting.failure_text import failure_text
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.html.changes import changes, earlier_sentence, parameter_plot
from pytest_mlregress.reporting.html.figures import metric_figures, short_name, typeset
from pytest_mlregress.reporting.html.outputs import seed_outputs
from pytest_mlregress.reporting.html.revisions import revisions
from pytest_mlregress.reporting.html.seeds import seed_rows
from pytest_mlregress.reporting.plots.learning_curve import LearningCurvePlot, learning_curve_plot
from pytest_mlregress.reporting.report import RunReport, most_severe_metrics_first
from pytest_mlregress.reporting.sample_text import seeds_of_planned, unit_of
from pytest_mlregress.reporting.since_text import since_text
from pytest_mlregress.reporting.text_layout import one_line
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.running.seed_outcome import WITHOUT_SUCCESS
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind

_TEXT_WIDTH: Final = 92
_CURVES: Final = 12
_SLUG: Final = 40

_UNBROKEN: Final = 24
"""Characters of a folder, class or function that fit on a line of any screen."""

_WORDS: Final = re.compile(r"[^_\-.,\[]*[_\-.,\[]+|[^_\-.,\[]+")

Values = Mapping[str, Any]


def anchor_of(verdict: Verdict) -> str:
    """The id of a test in the page, the same in every report: a link to it can be kept.

    Args:
        verdict: the test.

    Returns:
        Readable characters of its node id and eight of a hash of all of it, with the tier.
    """
    name = f"{verdict.test}\0{verdict.tier}".encode("utf-8", "backslashreplace")
    digest = sha256(name).hexdigest()[:8]
    slug = re.sub(r"[^a-zA-Z0-9_]+", "-", verdict.test).strip("-").lower()
    if len(slug) > _SLUG:
        slug = slug[-_SLUG:].partition("-")[2] or slug[-_SLUG:]
    return f"test-{slug}-{digest}"


def row_of(report: RunReport, verdict: Verdict) -> Values:
    """What the table of all tests shows of one.

    Args:
        report: the report.
        verdict: the test.

    Returns:
        Values by name.
    """
    tier = f" ({verdict.tier})" if verdict.tier not in ("", "default") else ""
    name = short_name(verdict.test + tier)
    return {
        "anchor": anchor_of(verdict),
        "name": name,
        "pieces": _pieces(name),
        "kind": str(verdict.kind),
        "colour": str(verdict.colour),
        "headline": typeset(headline(verdict)),
        "says": not any(metric.comparison for metric in verdict.metrics)
        or verdict.kind is VerdictKind.DIVERGED,
        "since": since_text(verdict.since) if verdict.since is not None else "",
        "seeds": seeds_of_planned(verdict),
        "unit": plural(unit_of([verdict]), 2),
        "other": "base" if verdict.base else "baseline",
        "metrics": [metric_figures(report, verdict, m) for m in most_severe_metrics_first(verdict)],
    }


def _pieces(name: str) -> Sequence[str]:
    """What a name may be broken between: folders, classes, and the words of those too long."""
    pieces = re.findall(r"[^/:]+[/:]*|[/:]+", name)
    return [
        word
        for piece in pieces
        for word in ([piece] if len(piece) <= _UNBROKEN else _WORDS.findall(piece))
    ]


def card_of(report: RunReport, verdict: Verdict, row: Values, *, detailed: bool = False) -> Values:
    """What the card of a test shows beyond its row.

    Args:
        report: the report.
        verdict: the test.
        row: from `row_of`.
        detailed: whether its curves keep what is only seen when they are enlarged.

    Returns:
        Values by name.
    """
    artifact = report.baselines.get((verdict.test, verdict.tier))
    earlier = report.earlier.get((verdict.test, verdict.tier), ())
    commit = report.code.commit if report.code is not None else None
    card = dict(row) | {
        "unit_of_row": verdict.unit,
        "units": plural(verdict.unit, 2),
        "next_steps": list(map(_step, verdict.next_steps)),
        "curves": list(_curves(verdict, artifact, detailed)),
        "seed_table": seed_rows(verdict, artifact),
        "changes": changes(verdict, artifact),
        "parallel": parameter_plot(verdict, artifact, earlier),
        "earlier": earlier_sentence(artifact, earlier),
        "outputs": seed_outputs(verdict),
        "past": revisions(verdict, artifact, commit),
        "text": failure_text(verdict, width=_TEXT_WIDTH),
    }
    raised = any(seed.outcome in WITHOUT_SUCCESS and not seed.collapse for seed in verdict.seeds)
    return card | {"tabs": _tabs(card, output_first=raised)}


def _step(text: str) -> tuple[str, str]:
    """What a next step is for, and its command: ``what changed: git log ...``."""
    purpose, colon, command = one_line(text).partition(": ")
    return (purpose, command) if colon and "'" not in purpose else ("", one_line(text))


def _tabs(card: Values, *, output_first: bool) -> Sequence[tuple[str, str]]:
    """Key and label of each part that has anything, that to look at first at the start."""
    failed = sum(output.bad for output in card["outputs"])
    changed = card["changes"]["count"]
    tabs = [
        ("output", f"Output{f' ({failed} failed)' if failed else ''}", bool(card["outputs"])),
        ("curves", "Curves", bool(card["curves"])),
        (
            "seeds",
            card["units"].capitalize(),
            bool(card["seed_table"]["now"] or card["seed_table"]["before"]),
        ),
        (
            "changes",
            f"Changes{f' ({changed})' if changed else ''}",
            any(card["changes"][key] for key in ("params", "data", "environment")),
        ),
        ("history", "History", bool(card["past"]["plots"])),
        ("text", "Text", True),
    ]
    shown = [(key, label) for key, label, any_of_it in tabs if any_of_it]
    return shown if output_first else sorted(shown, key=lambda tab: tab[0] == "output")


def _curves(
    verdict: Verdict, artifact: Artifact | None, detailed: bool
) -> Iterator[LearningCurvePlot]:
    """The curves of a test: those named as its metrics first."""
    now = _by_name(verdict.seeds)
    before = _by_name(verdict.base_seeds) if artifact is None else artifact.curves
    metrics = [metric.name for metric in most_severe_metrics_first(verdict)]
    names = sorted({*now, *before}, key=lambda name: (name not in metrics, name))
    failed = {seed.seed for seed in verdict.seeds if seed.outcome in WITHOUT_SUCCESS}
    for name in names[:_CURVES]:
        plot = learning_curve_plot(
            short_name(name),
            before.get(name, {}),
            now.get(name, {}),
            other="base" if verdict.base else "baseline",
            failed=failed,
            detailed=detailed,
        )
        if plot is not None:
            yield plot


def _by_name(
    results: Sequence[SeedResult],
) -> Mapping[str, Mapping[int, Sequence[tuple[int, float]]]]:
    found: dict[str, dict[int, Sequence[tuple[int, float]]]] = {}
    for result in results:
        for name, points in result.curves.items():
            found.setdefault(name, {})[result.seed] = points
    return found
