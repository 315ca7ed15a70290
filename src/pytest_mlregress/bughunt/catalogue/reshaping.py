"""Views and reshapes in place of a permute."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.bughunt.catalogue.rule import Rule, Text

VIEW_INSTEAD_OF_PERMUTE: Final = Rule(
    slug="view-instead-of-permute",
    chapter="reshaping",
    severity="error",
    message=(
        "{call} regroups {before} as {after}: axis {axis} does not become axis "
        "{becomes}, their elements are mixed"
    ),
    fix="move the axis with permute or transpose, then split or merge with reshape",
    mistake="A view where a permute was meant: it regroups elements across an axis.",
    example="x.view(n, channels, time)  # from (n, time, channels)",
    repaired="x.transpose(1, 2)",
    sees=(
        "shapes as row-major groups; suspects are replayed at other sizes and repaired, "
        "so that equal sizes by chance and relative shifts pass. Axes that move, "
        "several axes in another order, views across joined examples, and tiles: a "
        "pixel shuffle, patches or windows without their permutation. Where the "
        "boundaries fit and no size can be varied, a warning. Guards (a warning): views "
        "by the user's own code, seen twice, that no mere splitting or merging explains "
        "and a permutation does; skewing by padding or by a second view passes."
    ),
    cannot_see=(
        "a pixel shuffle along one axis, and what is regrouped before a layer that reads all of it."
    ),
    guarded=True,
    variants={
        "reordered": Text(
            message=(
                "{call} regroups {before} as {after}: its axes do not change places, "
                "their elements are mixed"
            ),
            fix="use permute{order}",
        ),
        "tiles": Text(
            message=(
                "{call} regroups {before} as {after}: it does not {verb} tiles of "
                "{height} x {width}, their elements are mixed"
            ),
            fix="split the axes with reshape, move the tile's own with permute, then merge",
        ),
        "in training": Text(
            message="{call} changes the order of axes, which mixes their elements",
            fix="use permute or transpose to move axes",
            severity="warning",
        ),
    },
)

RULES: Final = (VIEW_INSTEAD_OF_PERMUTE,)
