"""Draw the pictures of `verdict.md`: ``PYTHONPATH=src python docs/draw_verdict.py``.

Every number in them comes from the package's own functions.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pytest_mlregress.statistics.early_stop import plan_check
from pytest_mlregress.statistics.power import design_for_power, fixed_power, sequential_power

IMAGES = Path(__file__).parent / "images"
GREEN, YELLOW, RED, GREY, BLUE = "#2e7d32", "#b8860b", "#c62828", "#616161", "#1565c0"

# The accuracy of one training over its seeds; the examples below are real samples of it.
MEAN, SD = 0.912, 0.006


def main() -> None:
    """Write one SVG per picture."""
    mpl.use("svg")
    # Text stays text, and the same code gives the same file.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "mlregress", "font.size": 10})
    IMAGES.mkdir(exist_ok=True)
    pictures: dict[str, tuple[Callable[[Axes], None], tuple[float, float]]] = {
        "seeds": (draw_seeds, (7.5, 2.6)),
        "verdicts": (draw_verdicts, (7.5, 3.2)),
        "early-stop": (draw_early_stop, (7.5, 3.6)),
        "power": (draw_power, (7.5, 3.6)),
    }
    for name, (draw, size) in pictures.items():
        figure = Figure(figsize=size, facecolor="white", layout="constrained")
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        draw(axes)
        figure.savefig(IMAGES / f"{name}.svg", metadata={"Date": None})


def draw_seeds(axes: Axes) -> None:
    """The same code twice: single runs differ by more than the loss one would like to see."""
    generator = np.random.default_rng(4)
    groups = {"20 seeds of the old code": MEAN, "20 seeds of the new code": MEAN - SD}
    for row, mean in enumerate(groups.values()):
        values = generator.normal(mean, SD, 20)
        axes.scatter(values, row + generator.uniform(-0.12, 0.12, 20), s=22, color=GREY, alpha=0.7)
        axes.plot([values.mean()] * 2, [row - 0.3, row + 0.3], color=BLUE, lw=2)
        axes.text(values.mean(), row + 0.36, f"mean {values.mean():.4f}", color=BLUE, ha="center")
    axes.set_yticks([0, 1], list(groups))
    axes.set_ylim(-0.5, 1.6)
    axes.set_xlabel("test accuracy, one dot per seed")


def draw_verdicts(axes: Axes) -> None:
    """Where the likely range of the true change lies, against zero and against the margin."""
    margin = -1.0
    cases = [
        ("improvement", 0.75, 0.5, GREEN, "better, and no loss"),
        ("pass", -0.1, 0.55, GREEN, "a loss of the margin is excluded"),
        ("minor", -0.5, 0.3, YELLOW, "a real loss, smaller than the margin"),
        ("inconclusive", -0.6, 0.9, GREY, "both possible: too few seeds"),
        ("regression", -1.3, 0.6, RED, "a real loss, maybe of the margin or more"),
    ]
    for row, (name, centre, half, colour, meaning) in enumerate(reversed(cases)):
        axes.plot([centre - half, centre + half], [row, row], color=colour, lw=5, alpha=0.8)
        axes.plot(centre, row, "o", color="white", markeredgecolor=colour, ms=7)
        axes.text(-2.15, row, name, color=colour, va="center", ha="right", weight="bold")
        axes.text(1.45, row, meaning, va="center")
    for x, label in ((0.0, "no change"), (margin, "the margin")):
        axes.axvline(x, color="black", lw=1, ls="--")
        axes.text(x, len(cases) - 0.35, label, ha="center")
    axes.set_ylim(-0.6, len(cases) - 0.1)
    axes.set_xlim(-2.1, 1.4)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("worse    ←    likely range of the change    →    better")


def draw_early_stop(axes: Axes) -> None:
    """The boundaries of at most 11 seeds, and three checks that end at different looks."""
    generator = np.random.default_rng(8)
    baseline = generator.normal(MEAN, SD, 20)
    check = plan_check(baseline, (3, 6, 11), higher_is_better=True, alpha=0.01)
    looks = check.design.looks
    top, bottom = 5.0, -3.2
    axes.fill_between(looks, check.design.reject, top, color=RED, alpha=0.12)
    axes.fill_between(looks, bottom, check.design.accept, color=GREEN, alpha=0.12)
    axes.plot(looks, check.design.reject, color=RED, lw=1.5)
    axes.plot(looks, check.design.accept, color=GREEN, lw=1.5)
    axes.text(10.9, 4.3, "red: a regression", color=RED, ha="right")
    axes.text(10.9, -2.6, "green: passed", color=GREEN, ha="right")
    axes.text(4.4, 1.9, "go on", color=GREY)
    examples = (("unchanged", 0.0, 1), ("lost 1.2 SD", 1.2, 4), ("lost 4 SD", 4.0, 2))
    for (label, loss, seed), colour in zip(examples, (GREEN, BLUE, RED), strict=True):
        candidate = np.random.default_rng(seed).normal(MEAN - loss * SD, SD, 11)
        steps = check.follow(baseline, candidate)
        at, z = [s.n_seeds for s in steps], [max(min(s.z, top), bottom) for s in steps]
        axes.plot(
            at, z, "o-", color=colour, label=f"{label}:\n{steps[-1].action} at {at[-1]} seeds"
        )
    axes.set_xticks(looks)
    axes.set_ylim(bottom, top)
    axes.set_xlabel("seeds of the check")
    axes.set_ylabel("evidence of harm, z")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), labelspacing=1.2)


def draw_power(axes: Axes) -> None:
    """How often a loss is red: the same code, more seeds."""
    losses = np.linspace(0.0, 3.5, 71)
    for seeds, colour in ((3, GREY), (5, BLUE), (11, GREEN)):
        once = [fixed_power(x, n_baseline=20, n_candidate=seeds, alpha=0.01) for x in losses]
        axes.plot(losses, once, color=colour, label=f"{seeds} seeds")
    design, detectable = design_for_power((3, 6, 11), n_baseline=20, alpha=0.01)
    stopped = [sequential_power(design, x, n_baseline=20)[0] for x in losses]
    axes.plot(losses, stopped, color=GREEN, ls="--", label="at most 11, early stop")
    axes.axhline(0.9, color="black", lw=0.8, ls=":")
    axes.plot([detectable], [0.9], "o", color=GREEN)
    axes.annotate(
        f"the automatic margin:\n{detectable:.2f} SD, found in 9 of 10 cases",
        (detectable, 0.9),
        (2.15, 0.55),
        arrowprops={"arrowstyle": "-", "color": GREY},
    )
    axes.set_xlabel("true loss, in seed-to-seed standard deviations")
    axes.set_ylabel("chance of a red verdict")
    axes.set_ylim(0.0, 1.02)
    axes.set_xlim(0.0, 3.5)
    axes.legend(frameon=False, loc="lower right")


if __name__ == "__main__":
    main()
