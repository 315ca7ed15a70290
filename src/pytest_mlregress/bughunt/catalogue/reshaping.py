"""Views and reshapes in place of a permute."""

from __future__ import annotations

from typing import Final

from pytest_mlregress.bughunt.catalogue.rule import Rule, Text

VIEW_INSTEAD_OF_PERMUTE: Final = Rule(
    slug="view-instead-of-permute",
    chapter="reshaping",
    severity="error",
    message=(
        "{call} regroups {before} as {after}: dimension {axis} does not become dimension "
        "{becomes}, their elements are mixed"
    ),
    fix="move the dimension with permute or transpose, then split or merge with reshape",
    mistake="A view where a permute is needed: elements are regrouped across dimensions.",
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
                "{call} regroups {before} as {after}: its dimensions do not change places, their "
                "elements are mixed"
            ),
            fix="use permute{order}",
        ),
        "tiles": Text(
            message=(
                "{call} regroups {before} as {after}: it does not {verb} tiles of "
                "{height} x {width}, their elements are mixed"
            ),
            fix=(
                "split the dimensions with reshape, move those of the tile with permute, then merge"
            ),
        ),
        "in training": Text(
            message="{call} reorders dimensions and mixes their elements",
            fix="use permute or transpose to move dimensions",
            severity="warning",
        ),
    },
)

RULES: Final = (VIEW_INSTEAD_OF_PERMUTE,)
