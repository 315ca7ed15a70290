"""Report files of an ablation: HTML, SVG, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.reporting.ablation.markdown import ablation_markdown
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
from pytest_mlregress.reporting.command_report import (
    check_report_file,
    json_text,
    write_report_file,
)
from pytest_mlregress.reporting.html.page import page_environment
from pytest_mlregress.reporting.plots import interaction
from pytest_mlregress.reporting.plots.interaction import HEIGHT, WIDTH, interaction_plots
from pytest_mlregress.reporting.text_layout import one_line, shorten
from pytest_mlregress.revisions.ablation.results import Ablation, MetricEffects
from pytest_mlregress.verdicts.verdict import Colour

__all__ = [
    "ablation_document",
    "ablation_html",
    "ablation_svg",
    "check_ablation_report",
    "write_ablation_report",
]

_MARKS: Final = {Colour.RED: "loss", Colour.YELLOW: "unclear", Colour.GREEN: "fine"}
_COLOURS: Final = {"loss": "red", "unclear": "yellow", "safe": "green"}
_COLUMNS: Final = 3
_MARGIN: Final = 16
_TOP: Final = 44
_CAPTION: Final = 22
_LONGEST_CAPTION: Final = 44


def ablation_document(ablation: Ablation) -> dict[str, Any]:
    """The answer as plain builtins for JSON.

    Args:
        ablation: what was found.

    Returns:
        Mappings, lists and plain values; numbers keep all their digits.
    """
    return {
        "schema": 1,
        "answer": headline(ablation).text,
        "losing": list(ablation.losing),
        "unclear": list(ablation.unclear),
        "base": {"ref": ablation.base, "commit": ablation.base_commit},
        "changes": [{**asdict(c), "commits": list(c.commits)} for c in ablation.changes],
        "cells": [
            {
                "name": cell.name,
                "changes": _ordered(ablation, cell.changes),
                "commit": cell.commit or None,
                "unavailable": cell.unavailable or None,
            }
            for cell in ablation.cells
        ],
        "resolution": ablation.resolution,
        "seeds": list(ablation.seeds),
        "trained": ablation.trained,
        "reused": ablation.reused,
        "decided_after": ablation.decided_after,
        "notes": list(ablation.notes),
        "metrics": [_metric_document(ablation, metric) for metric in ablation.metrics],
    }


def ablation_html(ablation: Ablation) -> str:
    """A self-contained page for phones and desktops, in light and dark.

    Args:
        ablation: what was found.

    Returns:
        The HTML.
    """
    return (
        page_environment()
        .get_template("ablation.html.j2")
        .render(
            heading=headline(ablation),
            design=design_text(ablation),
            changes=[(change.name, change_text(change)) for change in ablation.changes],
            missing=[(c.name, c.unavailable) for c in ablation.cells if c.unavailable],
            notes=ablation.notes,
            metrics=[_metric_page(ablation, metric) for metric in ablation.metrics],
            spent=spent_text(ablation),
            marks=_MARKS,
            colours=_COLOURS,
            numeric=NUMERIC,
            cell_headings=CELL_HEADINGS,
            effect_headings=EFFECT_HEADINGS,
            plot=interaction,
        )
    )


def ablation_svg(ablation: Ablation) -> str:
    """The interaction plots of all metrics as one picture, in light and dark.

    Args:
        ablation: what was found.

    Returns:
        The SVG.
    """
    columns, y = 1, _TOP
    captions, panels = [], []
    for metric in ablation.metrics:
        plots = interaction_plots(ablation, metric)
        if not plots:
            continue
        captions.append((_MARGIN, y + 12, shorten(one_line(test_name(metric)), _LONGEST_CAPTION)))
        y += _CAPTION
        for index, figure in enumerate(plots):
            column = index % _COLUMNS
            columns = max(columns, column + 1)
            panels.append((_MARGIN + column * WIDTH, y + index // _COLUMNS * HEIGHT, figure))
        y += -(-len(plots) // _COLUMNS) * HEIGHT
    return (
        page_environment()
        .get_template("ablation.svg.j2")
        .render(
            width=columns * WIDTH + 2 * _MARGIN,
            height=y + _MARGIN,
            heading=shorten(one_line(headline(ablation).text), _LONGEST_CAPTION),
            captions=captions,
            panels=panels,
            plot=interaction,
        )
    )


_FORMATS: Final[Mapping[str, Callable[[Ablation], str]]] = {
    ".html": ablation_html,
    ".svg": ablation_svg,
    ".md": ablation_markdown,
    ".json": lambda ablation: json_text(ablation_document(ablation)),
}


def check_ablation_report(path: Path) -> None:
    """Refuse a path that no report can be written to, before anything trains.

    Args:
        path: the file.

    Raises:
        CommandError: another suffix, or nothing can be written there.
    """
    check_report_file(path, _FORMATS)


def write_ablation_report(path: Path, ablation: Ablation) -> None:
    """Write a report in the format of the path's suffix, whole or not at all.

    Args:
        path: the file; missing folders are made.
        ablation: what was found.

    Raises:
        CommandError: it cannot be written.
    """
    write_report_file(path, _FORMATS[path.suffix](ablation))


def _metric_page(ablation: Ablation, metric: MetricEffects) -> Mapping[str, Any]:
    said = sentences(metric)
    colours = [sentence.colour for sentence in said]
    name, _, about = title_of(metric).partition(", ")
    worst = next((c for c in (Colour.RED, Colour.YELLOW) if c in colours), Colour.GREEN)
    return {
        "test": one_line(test_name(metric)),
        "name": name,
        "about": about,
        "colour": worst,
        "sentences": said,
        "plots": interaction_plots(ablation, metric),
        "cells": [astuple(row) for row in cell_rows(ablation, metric)],
        "effects": [astuple(row) for row in effect_rows(metric)],
        "intervals": intervals_text(metric),
    }


def _metric_document(ablation: Ablation, metric: MetricEffects) -> dict[str, Any]:
    found = metric.effects
    document: dict[str, Any] = {
        "test": metric.test,
        "tier": metric.tier,
        "metric": metric.metric,
        "higher_is_better": metric.higher_is_better,
        "problem": metric.problem or None,
        "sentences": [sentence.text for sentence in sentences(metric)],
        "values": {
            ablation.cell_name(cell): {str(seed): value for seed, value in sorted(sample.items())}
            for cell, sample in metric.values.items()
        },
    }
    if found is None:
        return {**document, "effects": None}
    return {
        **document,
        "margin": found.margin,
        "fixed_margin": found.fixed_margin,
        "alpha": found.alpha,
        "decided": found.decided,
        "cells": {ablation.cell_name(cell): asdict(s) for cell, s in found.cells.items()},
        "effects": [asdict(change) for change in found.changes],
        "interactions": [asdict(effect) for effect in found.interactions],
        "masks": [asdict(mask) for mask in found.masks],
        "joint_losses": [asdict(loss) for loss in found.joint_losses],
    }


def _ordered(ablation: Ablation, members: frozenset[str]) -> list[str]:
    return [name for name in ablation.names if name in members]
