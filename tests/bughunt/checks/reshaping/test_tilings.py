"""Reshapes that cut or join tiles."""

from __future__ import annotations

import math

import pytest
import torch

from pytest_mlregress.bughunt.checks.reshaping.tilings import tilings


@pytest.mark.parametrize(
    ("before", "after", "meant"),
    [
        ((4, 3, 2, 2, 5, 7), (4, 3, 10, 14), lambda x: x.permute(0, 1, 4, 2, 5, 3)),
        (
            (4, 12, 5, 7),
            (4, 3, 10, 14),
            lambda x: x.view(4, 3, 2, 2, 5, 7).permute(0, 1, 4, 2, 5, 3),
        ),
        (
            (4, 3, 10, 14),
            (4, 12, 5, 7),
            lambda x: x.view(4, 3, 5, 2, 7, 2).permute(0, 1, 3, 5, 2, 4),
        ),
        ((4, 10, 15), (4, 2, 3, 5, 5), lambda x: x.view(4, 2, 5, 3, 5).transpose(2, 3)),
        ((4, 10, 15), (4, 6, 25), lambda x: x.view(4, 2, 5, 3, 5).transpose(2, 3)),
        (
            (4, 6, 5, 5, 3),
            (4, 10, 15, 3),
            lambda x: x.view(4, 2, 3, 5, 5, 3).transpose(2, 3),
        ),
    ],
)
def test_tiles_are_cut_and_joined_by_a_permutation(before, after, meant):
    x = torch.arange(math.prod(before)).view(before)
    repaired = [tiled.permuted(x) for tiled in tilings(before, after)]
    assert any(torch.equal(one, meant(x).reshape(after)) for one in repaired)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((4, 3, 8, 8), (4, 3, 4, 2, 4, 2)),  # splitting only
        ((4, 12, 8), (4, 6, 16)),  # stacking neighbouring frames
        ((4, 3, 10, 14), (4, 3, 140)),
        ((4, 3, 10, 14), (4, 3, 14, 10)),  # no tile: an axis that moves
        ((0, 10, 15), (0, 6, 25)),
        ((1792, 4, 2, 2), (7, 64, 16, 4)),  # examples and channels apart again
    ],
)
def test_other_reshapes_cut_no_tiles(before, after):
    assert tilings(before, after) == ()
