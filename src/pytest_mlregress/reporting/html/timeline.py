"""The timeline of a run in its HTML report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.plots.timeline import WORKERS_SHOWN, timeline_plot
from pytest_mlregress.reporting.timeline_text import worker_rows
from pytest_mlregress.timeline.spans import RunTimeline

if TYPE_CHECKING:
    import jinja2

_LONGEST: Final = 60_000
"""Characters of a drawing that is in the page, however large the rest is."""


@dataclass(frozen=True, slots=True)
class DrawnTimeline:
    """What the page shows.

    Attributes:
        summary: what the time went into.
        drawing: the HTML of the plot, which begins with the name of its section.
        position: among the cards of the page, where it is compressed as they are; None where it is
            short.
        rows: the table of the workers, its headings first.
        left_out: how many workers it lacks; empty for none.
    """

    summary: str
    drawing: str
    position: int | None
    rows: tuple[tuple[str, ...], ...]
    left_out: str


def draw_timeline(
    timeline: RunTimeline | None,
    environment: jinja2.Environment,
    plots: Mapping[str, ModuleType],
    *,
    position: int,
) -> DrawnTimeline | None:
    """What the page shows of a timeline.

    Args:
        timeline: of the run.
        environment: the templates.
        plots: the modules with the sizes of plots.
        position: that of the drawing among the cards, if it is one of them.

    Returns:
        The timeline; None without one.
    """
    if timeline is None:
        return None
    plot = timeline_plot(timeline)
    template = environment.get_template("report_timeline.html.j2", globals={"plots": plots})
    macros: Any = template.module
    drawing = str(macros.timeline(plot))
    rows = worker_rows(timeline)
    left = len(rows) - 1 - WORKERS_SHOWN
    return DrawnTimeline(
        summary=plot.summary,
        drawing=drawing,
        position=position if len(drawing) > _LONGEST else None,
        rows=rows[: WORKERS_SHOWN + 1],
        left_out=count_of(left, "more worker") if left > 0 else "",
    )
