"""An ablation as Markdown: a pull-request comment, or GitHub's job summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple
from typing import Final

from pytest_mlregress.reporting.ablation.rows import (
    CELL_HEADINGS,
    EFFECT_HEADINGS,
    NUMERIC,
    cell_rows,
    change_text,
    design_text,
    effect_rows,
    intervals_text,
    spent_text,
    test_name,
    title_of,
)
from pytest_mlregress.reporting.ablation.words import headline, sentences
from pytest_mlregress.reporting.markdown.table import MARKS
from pytest_mlregress.reporting.markdown.text import code_text, escaped_text
from pytest_mlregress.revisions.ablation.results import Ablation, MetricEffects

__all__ = ["ablation_markdown"]

_RIGHT: Final = "--:"


def ablation_markdown(ablation: Ablation) -> str:
    """A heading, the changes, then sentences and tables of each metric.

    Args:
        ablation: what was found.

    Returns:
        The text.
    """
    answer = headline(ablation)
    changes = [
        f"- {code_text(change.name)}: {escaped_text(change_text(change))}"
        for change in ablation.changes
    ]
    changes += [
        f"- {code_text(cell.name)} was not trained: {escaped_text(cell.unavailable)}"
        for cell in ablation.cells
        if cell.unavailable
    ]
    blocks = [
        f"## {MARKS[answer.colour]} mlregress ablate: {escaped_text(answer.text)}",
        escaped_text(design_text(ablation)),
        "\n".join(changes),
        *(block for metric in ablation.metrics for block in _metric(ablation, metric)),
        *(escaped_text(note) for note in ablation.notes),
        escaped_text(spent_text(ablation)),
    ]
    return "\n\n".join(blocks) + "\n"


def _metric(ablation: Ablation, metric: MetricEffects) -> Iterator[str]:
    yield f"### {code_text(test_name(metric))}: {escaped_text(title_of(metric))}"
    said = sentences(metric)
    if said:
        yield "\n".join(f"- {MARKS[found.colour]} {escaped_text(found.text)}" for found in said)
    yield _table(CELL_HEADINGS, [astuple(row) for row in cell_rows(ablation, metric)])
    effects = [astuple(row) for row in effect_rows(metric)]
    if effects:
        yield _table(EFFECT_HEADINGS, effects)
        yield escaped_text(intervals_text(metric))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = [_RIGHT if heading in NUMERIC else "---" for heading in headings]
    lines = [headings, rule, *([escaped_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
