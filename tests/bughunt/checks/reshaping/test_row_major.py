"""Which axes a view moves."""

from __future__ import annotations

import pytest
import torch

from pytest_mlregress.bughunt.checks.reshaping.row_major import moved_axes


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ((4, 6, 8), (4, 6, 2, 4), []),
        ((4, 6, 2, 4), (4, 6, 8), []),
        ((4, 6, 8), (4, 3, 16), []),
        ((8, 4), (4, 8), []),  # pairs of rows
        ((7, 5, 6), (5, 7, 6), [(0, 1), (1, 0)]),
        ((2, 7, 5, 6), (2, 5, 42), [(2, 1)]),
        ((2, 1, 3), (2, 3, 1), []),
        ((0, 3), (3, 0), []),
        ((7, 18, 5, 5), (7, 5, 5, 3, 6), [(2, 1)]),  # height and width together
        ((7, 18, 5, 5), (7, 3, 6, 5, 5), []),
    ],
)
def test_only_axes_that_reappear_with_another_stride_are_suspects(before, after, moved):
    assert [(m.before, m.after) for m in moved_axes(before, after)] == moved


def test_the_permutation_that_was_meant_keeps_every_row():
    [moved] = moved_axes((2, 7, 5, 6), (2, 5, 42))
    x = torch.arange(2 * 7 * 5 * 6).view(2, 7, 5, 6)
    assert torch.equal(moved.permuted(x), x.permute(0, 2, 1, 3).reshape(2, 5, 42))
    assert moved.mixed() > 1


def test_height_and_width_move_together():
    [moved] = moved_axes((2, 18, 5, 5), (2, 5, 5, 3, 6))
    x = torch.arange(2 * 18 * 5 * 5).view(2, 18, 5, 5)
    assert torch.equal(moved.permuted(x), x.permute(0, 2, 3, 1).reshape(2, 5, 5, 3, 6))
    assert (moved.size, moved.strides) == (25, (1, 18))
    assert moved.mixed() > 1
