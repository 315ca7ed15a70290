"""Plots on a terminal, drawn by plotext."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["terminal_plot"]


def terminal_plot(
    values: Sequence[float],
    errors: Sequence[float],
    *,
    cuts: Sequence[int],
    x_ticks: Mapping[int, str],
    y_ticks: Mapping[float, str],
    width: int,
    height: int,
) -> list[str]:
    """Values in their order, each with an error bar.

    Args:
        values: finite numbers, at least one.
        errors: half the length of each bar.
        cuts: the indices before which a vertical line is drawn.
        x_ticks: by index, the label of the horizontal axis.
        y_ticks: by value, the label of the vertical one.
        width: in terminal cells.
        height: in lines.

    Returns:
        The lines, without colours.
    """
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.plot_size(width, height)
    figure.theme("colorless")
    at = [float(index) for index in range(len(values))]
    for cut in cuts:
        figure.line(cut - 0.5, orientation=1, relative=True, style="heavy")
    figure.draw(figure.error(at, list(values), list(errors)))
    figure.draw(figure.signal(at, list(values), marker="●"))
    figure.ruler("x").lim(-1.0, float(len(values)))
    reach = [*(v - e for v, e in zip(values, errors, strict=True)), *y_ticks]
    above = [*(v + e for v, e in zip(values, errors, strict=True)), *y_ticks]
    figure.ruler("y").lim(min(reach), max(above))
    figure.ruler("x").ticks([float(index) for index in x_ticks], list(x_ticks.values()))
    figure.ruler("y").ticks(list(y_ticks), list(y_ticks.values()))
    text = str(plotext.uncolorize(figure.build()))
    return [line.rstrip() for line in text.splitlines() if line.strip()]
