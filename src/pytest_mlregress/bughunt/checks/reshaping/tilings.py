"""Reshapes between an image and its tiles: pixel shuffle, patches, windows, and their inverses.

Height and width are cut into tiles, ``(h p)`` and ``(w q)``, and the tile's own axes ``p`` and
``q`` then stand elsewhere than beside ``h`` and ``w``. No view does that: between the splitting
and the merging lies a permutation. A reshape whose sizes are those of both sides has left it out,
for certain where its boundaries do not fit (`regrouping.fits`): its rows straddle the image's.
Where they do, tiles come out as strips of full rows, of one channel each. That is told from other
reshapes only by an image with channels or by four axes that stay apart: (time, width) → (time ·
heads, width / heads) has the sizes of a tiling by mere chance.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pytest_mlregress.bughunt.checks.reshaping.row_major import Shape, fits, groups

# Each letter is an axis, each word the axes that are merged into one.
_PLAIN = "h w p q / hw p q / hw pq / p q h w / pq h w / pq hw"
_WITH_CHANNELS = """
cpq h w / pqc h w / c p q h w / p q c h w / c h w p q / p q h w c / c hw p q / c hw pq / cpq hw /
h w cpq / h w pqc / h w c p q / h w p q c / hw cpq / hw pqc / hw c p q / hw p q c / hw pq c
"""
_APART = ("h w p q", "p q h w")
_TILES = {"hp wq": _PLAIN, "c hp wq": _WITH_CHANNELS, "hp wq c": _WITH_CHANNELS}


@dataclass(frozen=True)
class Tiled:
    """A reshape that cuts an image into tiles, or joins them, without the permutation.

    Attributes:
        shape_in, shape_out: of the whole tensor.
        parts: `shape_in` with every axis split into the image's and the tile's.
        order: the permutation of `parts` after which merging neighbours gives `shape_out`.
        tile: height and width of a tile.
        joins: whether the output is the image.
        straddles: whether rows of the output end inside of rows of the input.
    """

    shape_in: Shape
    shape_out: Shape
    parts: Shape
    order: Shape
    tile: tuple[int, int]
    joins: bool
    straddles: bool

    def permuted(self, tensor: torch.Tensor) -> torch.Tensor:
        """What was meant."""
        return tensor.reshape(self.parts).permute(self.order).reshape(self.shape_out)


@functools.cache
def tilings(shape_in: Shape, shape_out: Shape) -> tuple[Tiled, ...]:
    """The ways in which a reshape could stand for cutting or joining tiles."""
    if 0 in shape_in or math.prod(shape_in) != math.prod(shape_out):
        return ()
    found: list[Tiled] = []
    for axes_in, axes_out in groups(shape_in, shape_out):
        inner = tuple(shape_in[a] for a in axes_in if shape_in[a] > 1)
        outer = tuple(shape_out[a] for a in axes_out if shape_out[a] > 1)
        if len(inner) < 2 or len(outer) < 2:
            continue
        straddles = not fits(inner, outer)
        if not straddles and axes_in.start == 0:
            continue  # examples are no channels
        before, after = shape_in[: axes_in.start], shape_in[axes_in.stop :]
        for joins in (False, True):
            image, tiles = (outer, inner) if joins else (inner, outer)
            for picture, pieces, sizes in _solutions(image, tiles):
                if not straddles and sizes["c"] < 2 and pieces not in _APART:
                    continue
                source, target = (pieces, picture) if joins else (picture, pieces)
                split, merged = source.replace(" ", ""), target.replace(" ", "")
                order = [len(before) + split.index(axis) for axis in merged]
                rest = range(len(before) + len(split), len(before) + len(split) + len(after))
                parts = (*before, *(sizes[axis] for axis in split), *after)
                whole = (*range(len(before)), *order, *rest)
                tile = sizes["p"], sizes["q"]
                found.append(Tiled(shape_in, shape_out, parts, whole, tile, joins, straddles))
    return tuple(found)


def _solutions(image: Shape, tiles: Shape) -> Iterator[tuple[str, str, dict[str, int]]]:
    """The patterns of both sides that have these sizes, with the size of each axis."""
    for picture, patterns in _TILES.items():
        axes = picture.split()
        if len(axes) != len(image):
            continue
        given = dict(zip(axes, image, strict=True))
        for p, q in _tile_sizes(given["hp"], given["wq"]):
            sizes = {"p": p, "q": q, "h": given["hp"] // p, "w": given["wq"] // q}
            sizes["c"] = given.get("c", 1)
            for pieces in map(str.strip, patterns.split("/")):
                if _of(pieces, sizes) == tiles:
                    yield picture, pieces, sizes


def _tile_sizes(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Square tiles, more than one of them, of more than one pixel."""
    common = math.gcd(height, width)
    for size in range(2, common + 1):
        if common % size == 0 and size < max(height, width):
            yield size, size


def _of(pattern: str, sizes: dict[str, int]) -> Shape:
    merged = (math.prod(sizes[axis] for axis in word) for word in pattern.split())
    return tuple(size for size in merged if size > 1)
