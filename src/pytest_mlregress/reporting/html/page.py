"""The report as one HTML file that loads nothing; all but finding and unfolding needs no script."""

from __future__ import annotations

import base64
from functools import cache
from hashlib import sha256
from itertools import chain
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.plurals import plural
from pytest_mlregress.reporting.environment_table import HEADINGS, NO_DIFFERENCE
from pytest_mlregress.reporting.html.card import card_of, row_of
from pytest_mlregress.reporting.html.figures import typeset
from pytest_mlregress.reporting.html.header import colour_counts, header_facts
from pytest_mlregress.reporting.html.on_demand import INLINE, pack
from pytest_mlregress.reporting.html.parameters import parameter_groups
from pytest_mlregress.reporting.html.timeline import draw_timeline
from pytest_mlregress.reporting.metric_text import MEANING_OF_Q, common_level
from pytest_mlregress.reporting.overview import overview
from pytest_mlregress.reporting.plots import (
    difference,
    learning_curve,
    parallel,
    revision,
    strip,
    timeline,
)
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.sample_text import unit_of
from pytest_mlregress.reporting.totals import closing_notes, heading, totals_line, worst_colour
from pytest_mlregress.verdicts.verdict import Colour, VerdictKind

if TYPE_CHECKING:
    import jinja2

_PLOTS: Final[dict[str, ModuleType]] = {
    "strip": strip,
    "difference": difference,
    "curve": learning_curve,
    "revision": revision,
    "parallel": parallel,
    "timeline": timeline,
}

_DETAILED: Final = 12
"""Tests whose curves can be enlarged without losing points: those that are looked at first."""

_SCRIPTS: Final = ("report_curves.js", "report_page.js")


def to_html(report: RunReport, *, inline: int = INLINE) -> str:
    """A self-contained page for phones and desktops, in light and dark.

    Args:
        report: the report.
        inline: characters of cards that are in the page as they are; the others are compressed,
            and unfold by the page's script.

    Returns:
        The HTML.
    """
    environment = page_environment()
    verdicts = report.most_severe_first
    rows = [row_of(report, verdict) for verdict in verdicts]
    macros: Any = environment.get_template("report_card.html.j2", globals={"plots": _PLOTS}).module
    drawn = draw_timeline(report.timeline, environment, _PLOTS, position=len(verdicts))
    cards = pack(
        chain(
            (
                str(macros.card(card_of(report, verdict, row, detailed=position < _DETAILED)))
                for position, (verdict, row) in enumerate(zip(verdicts, rows, strict=True))
            ),
            [drawn.drawing] if drawn is not None and drawn.position is not None else (),
        ),
        inline=inline,
    )
    style = environment.get_template("report_page.css.j2", globals={"plots": _PLOTS}).render()
    script = "".join(_source(environment, name) for name in _SCRIPTS)
    tests = [dict(row, position=position) for position, row in enumerate(rows)]
    return environment.get_template("report.html.j2", globals={"plots": _PLOTS}).render(
        policy=_policy(style, script),
        style=style,
        script=script,
        title=heading(report),
        colour=str(worst_colour(report)),
        overview=typeset(overview(report)),
        facts=header_facts(report),
        totals=totals_line(report),
        counts=colour_counts(report),
        meaning_of_q=MEANING_OF_Q,
        level=common_level(
            metric
            for verdict in verdicts
            for metric in verdict.metrics
            if metric.kind is not VerdictKind.DIVERGED
        ),
        notes=closing_notes(report),
        report=report,
        grave=[test for test in tests if test["colour"] != Colour.GREEN],
        green=[test for test in tests if test["colour"] == Colour.GREEN],
        cards=cards,
        groups=parameter_groups(report),
        timeline=drawn,
        folded=sum(position < len(verdicts) for position in cards.places),
        environment_headings=HEADINGS,
        no_difference=NO_DIFFERENCE,
        units=plural(unit_of(report.verdicts), 2),
        dot=next((verdict.unit for verdict in report.verdicts), "seed"),
        other="base" if any(verdict.base for verdict in report.verdicts) else "baseline",
    )


@cache
def page_environment() -> jinja2.Environment:
    """The templates of this room; what they print is escaped, and has no invisible character.

    Returns:
        The environment.
    """
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("pytest_mlregress.reporting"),
        autoescape=True,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _visible(value: object) -> object:
    """Every text that the template prints; markup has passed through here already."""
    return visible(value) if type(value) is str else value


def _source(environment: jinja2.Environment, name: str) -> str:
    """A file of the templates as it is."""
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _policy(*sources: str) -> str:
    """The page may use its own style and script and nothing else, whatever is injected into it."""
    style, script = map(_digest, sources)
    return (
        f"default-src 'none'; style-src '{style}'; script-src '{script}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(source: str) -> str:
    return "sha256-" + base64.b64encode(sha256(source.encode()).digest()).decode("ascii")
