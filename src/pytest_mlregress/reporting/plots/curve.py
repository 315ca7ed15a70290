"""A curve as an SVG: the mean, its band, and where it reaches 90 % of its end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from pytest_mlregress.reporting.curve_text import curve_sentence, curve_title
from pytest_mlregress.reporting.plots.axis_scale import AxisScale
from pytest_mlregress.reporting.text_layout import shorten
from pytest_mlregress.revisions.curves.result import CurveResult
from pytest_mlregress.statistics.sample_efficiency import BandPoint

__all__ = ["curve_svg"]

_WIDTH: Final = 560
_HEIGHT: Final = 320
_LEFT: Final = 72.0
_RIGHT: Final = 540.0
_TOP: Final = 44.0
_BOTTOM: Final = 268.0
_LONGEST_TITLE: Final = 78


def curve_svg(found: CurveResult) -> str:
    """The plot.

    Args:
        found: the curve.

    Returns:
        A whole SVG document, readable on light and dark pages.
    """
    ends = [
        end
        for point in found.line
        for end in (point.mean, point.low, point.high)
        if math.isfinite(end)
    ]
    across = AxisScale.of([0.0, 1.0], _LEFT, _RIGHT)
    up = AxisScale.of([*ends, found.reached.target], _BOTTOM, _TOP)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            'font-family="sans-serif" font-size="12" role="img">',
            f"<title>{escape(curve_title(found))}</title>",
            f"<desc>{escape(curve_sentence(found))}</desc>",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            f'<text x="12" y="22" fill="#222222">'
            f"{escape(shorten(curve_title(found), _LONGEST_TITLE))}</text>",
            *_axes(found, across, up),
            *_band(found.line, across, up),
            *_reached(found, across, up),
            *_line(found.line, across, up),
            "</svg>",
            "",
        ]
    )


def _axes(found: CurveResult, across: AxisScale, up: AxisScale) -> Iterator[str]:
    yield f'<path d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}" fill="none" stroke="#888888"/>'
    for x, label in ((across.at(tenth / 5), f"{20 * tenth} %") for tenth in range(6)):
        yield f'<text x="{x}" y="{_BOTTOM + 18}" text-anchor="middle" fill="#555555">{label}</text>'
    for y, label in up.ticks():
        yield (
            f'<text x="{_LEFT - 8}" y="{y + 4:.6g}" text-anchor="end" fill="#555555">'
            f"{escape(label)}</text>"
        )
    what = "share of the data" if found.over == "data" else "share of the training steps"
    yield (
        f'<text x="{(_LEFT + _RIGHT) / 2}" y="{_HEIGHT - 14}" text-anchor="middle" '
        f'fill="#222222">{what}</text>'
    )


def _band(points: Sequence[BandPoint], across: AxisScale, up: AxisScale) -> Iterator[str]:
    if any(point.low != point.low for point in points):
        return  # of a single seed
    above = [f"{across.at(point.share)},{up.at(point.high)}" for point in points]
    below = [f"{across.at(point.share)},{up.at(point.low)}" for point in reversed(points)]
    yield f'<polygon points="{" ".join([*above, *below])}" fill="#2a6fdb" fill-opacity="0.18"/>'


def _line(points: Sequence[BandPoint], across: AxisScale, up: AxisScale) -> Iterator[str]:
    places = [(across.at(point.share), up.at(point.mean)) for point in points]
    path = " ".join(f"{x},{y}" for x, y in places)
    yield f'<polyline points="{path}" fill="none" stroke="#2a6fdb" stroke-width="2"/>'
    if len(places) <= 30:
        for x, y in places:
            yield f'<circle cx="{x}" cy="{y}" r="3.5" fill="#2a6fdb"/>'


def _reached(found: CurveResult, across: AxisScale, up: AxisScale) -> Iterator[str]:
    reached = found.reached
    if reached.share is None:
        return
    x, y = across.at(reached.share), up.at(reached.target)
    if reached.low is not None and reached.high is not None:
        low, high = across.at(reached.low), across.at(reached.high)
        yield (
            f'<rect x="{low}" y="{_TOP}" width="{high - low:.6g}" height="{_BOTTOM - _TOP}" '
            'fill="#c2571a" fill-opacity="0.12"/>'
        )
    yield (
        f'<path d="M{_LEFT} {y}H{x}V{_BOTTOM}" fill="none" stroke="#c2571a" '
        'stroke-dasharray="5 4"/>'
    )
