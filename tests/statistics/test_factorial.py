"""Effects of changes alone and together: by hand, against least squares, and what is said."""

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlregress.statistics.factorial import factorial_effects
from pytest_mlregress.statistics.factorial_designs import (
    BASE,
    CellKey,
    fractional_design,
    full_design,
)
from pytest_mlregress.statistics.factorial_looks import (
    FactorialLook,
    factorial_looks,
    family_size,
    next_seeds,
)
from pytest_mlregress.statistics.factorial_results import ChangeEffects, Effect, FactorialEffects

A, B, AB = frozenset("A"), frozenset("B"), frozenset("AB")
Cells = dict[CellKey, dict[int, float]]


def cells_of(
    levels: dict[CellKey, float], n: int, *, noise: float = 0.1, rho: float = 0.0, run: int = 11
) -> Cells:
    """Cells around their levels, with seeds in common."""
    generator = np.random.default_rng(run)
    common = generator.standard_normal(n)
    return {
        cell: {
            seed: level
            + noise * (rho**0.5 * common[seed] + (1 - rho) ** 0.5 * generator.standard_normal())
            for seed in range(n)
        }
        for cell, level in levels.items()
    }


def change(effects: FactorialEffects, name: str) -> ChangeEffects:
    return next(found for found in effects.changes if found.change == name)


def interaction(effects: FactorialEffects, *names: str) -> Effect:
    return next(found for found in effects.interactions if found.changes == names)


def test_a_full_design_has_every_combination_base_first() -> None:
    assert full_design(["A", "B"]) == (BASE, A, B, AB)
    cells = full_design(["w", "x", "y", "z"])
    assert len(cells) == len(set(cells)) == 16
    assert [len(cell) for cell in cells] == sorted(len(cell) for cell in cells)
    for changes, message in [
        ([], "no change is given"),
        (["A", "A"], "the change 'A' is given twice"),
        (list("ABCDE"), "5 changes take 32 cells in full; allowed are at most 4"),
    ]:
        with pytest.raises(ValueError, match=message):
            full_design(changes)


@pytest.mark.parametrize(
    ("n", "resolution", "cells"),
    [(5, 3, 8), (5, 4, 16), (6, 3, 8), (6, 4, 16), (7, 3, 8), (7, 4, 16), (8, 4, 16), (8, 5, 64)],
)
def test_a_fraction_has_base_balance_and_its_resolution(
    n: int, resolution: int, cells: int
) -> None:
    names = "ABCDEFGH"[:n]
    design = fractional_design(names, resolution=resolution)
    assert design.cells[0] == BASE
    assert len(design.cells) == len(set(design.cells)) == cells
    assert len(design.words) == 2**n // cells - 1
    assert min(map(len, design.words)) == design.resolution == resolution
    for name in names:
        assert sum(name in cell for cell in design.cells) == cells // 2
    # A word is constant over the cells, and two effects are aliases if their product is a word.
    for word in design.words:
        assert len({len(word - cell) % 2 for cell in design.cells}) == 1
    for alias in design.aliases:
        for effect in alias.effects[1:]:
            assert effect ^ alias.effects[0] in design.words
    of_single = [alias for alias in design.aliases if len(alias.effects[0]) == 1]
    assert len(of_single) == n
    if resolution >= 4:
        assert all(len(effect) >= 3 for alias in of_single for effect in alias.effects[1:])


def test_a_fraction_says_which_ones_there_are() -> None:
    with pytest.raises(ValueError, match="4 changes have no standard fraction; allowed are 5 to 8"):
        fractional_design("ABCD")
    with pytest.raises(
        ValueError, match="resolution is 6; the fractions of 5 changes have 3, 4, 5"
    ):
        fractional_design("ABCDE", resolution=6)


def test_two_changes_by_hand() -> None:
    values: Cells = {
        BASE: {0: 10.0, 1: 20.0, 2: 30.0},
        A: {0: 9.0, 1: 18.0, 2: 28.0},
        B: {0: 11.0, 1: 22.0, 2: 32.0},
        AB: {0: 6.0, 1: 17.0, 2: 26.0, 3: 99.0},
    }
    effects = factorial_effects(values, higher_is_better=True, margin=5.0)
    a, b = change(effects, "A"), change(effects, "B")
    assert a.alone is not None
    assert a.with_others is not None
    assert a.main is not None
    assert b.with_others is not None
    # Contrasts of seeds: A alone -1 -2 -2; A with B -5 -5 -6; the interaction -4 -3 -4.
    assert a.alone.mean == pytest.approx(-5 / 3)
    assert a.alone.loss == pytest.approx(5 / 3)
    assert a.alone.p_loss < 1 / 8  # by a t-test beyond the smallest one of sign flips
    assert a.with_others.mean == pytest.approx(-16 / 3)
    assert a.main.mean == pytest.approx(-3.5)
    assert a.alone.seeds == 3
    assert interaction(effects, "A", "B").mean == pytest.approx(-11 / 3)
    assert b.with_others.mean == pytest.approx(-2.0 - 11 / 3 + 11 / 3)
    assert effects.cells[AB].seeds == 4
    assert (effects.margin, effects.fixed_margin) == (5.0, True)


def test_three_changes_agree_with_least_squares() -> None:
    """Every main effect and interaction against the coefficients of an OLS fit on signs."""
    statsmodels = pytest.importorskip("statsmodels.api")
    generator = np.random.default_rng(2)
    cells = full_design("ABC")
    # Two contrasts are never outliers of each other, so that none is clipped.
    values = {cell: dict(enumerate(generator.normal(size=2))) for cell in cells}
    effects = factorial_effects(values, higher_is_better=True, margin=1.0)
    rows = [(cell, value) for cell in cells for value in values[cell].values()]
    terms = [chosen for n in range(4) for chosen in combinations("ABC", n)]
    design = [[(-1.0) ** len(set(term) - cell) for term in terms] for cell, _ in rows]
    fit = statsmodels.OLS([value for _, value in rows], np.array(design)).fit()
    coefficients = dict(zip(terms, fit.params, strict=True))
    for found in effects.changes:
        assert found.main is not None
        expected = 2.0 * coefficients[found.change,]
        assert found.main.mean == pytest.approx(expected, abs=1e-9)
    for crossed in effects.interactions:
        expected = 2.0 ** len(crossed.changes) * coefficients[crossed.changes]
        assert crossed.mean == pytest.approx(expected, abs=1e-9)


levels = st.floats(-5.0, 5.0).map(lambda value: round(value, 2))
four_cells = st.lists(st.lists(levels, min_size=4, max_size=4), min_size=5, max_size=6)


@settings(max_examples=40, deadline=None)
@given(four_cells, st.sampled_from([0.25, 1.0, 8.0]), st.sampled_from([0.0, 100.0]))
def test_units_direction_and_order_do_not_matter(
    rows: list[list[float]], scale: float, shift: float
) -> None:
    names = (BASE, A, B, AB)
    values = {
        cell: {seed: row[place] for seed, row in enumerate(rows)}
        for place, cell in enumerate(names)
    }
    one = factorial_effects(values, higher_is_better=True, margin=2.0)
    moved = {
        cell: {seed: -scale * value - shift for seed, value in reversed(of.items())}
        for cell, of in reversed(values.items())
    }
    other = factorial_effects(moved, higher_is_better=False, margin=2.0 * scale)
    for mine, theirs in zip(one.changes, other.changes, strict=True):
        assert mine.judgement == theirs.judgement
        assert mine.alone is not None
        assert theirs.alone is not None
        assert theirs.alone.loss == pytest.approx(scale * mine.alone.loss, abs=1e-9)
        assert theirs.alone.mean == pytest.approx(-scale * mine.alone.mean, abs=1e-9)
        assert theirs.alone.p_loss == pytest.approx(mine.alone.p_loss, abs=1e-6)
    assert [mask.hidden for mask in one.masks] == [mask.hidden for mask in other.masks]


def test_a_change_that_loses_alone_and_is_hidden_is_said_so() -> None:
    values = cells_of({BASE: 80.0, A: 80.0, B: 79.2, AB: 80.0}, 8, rho=0.5)
    effects = factorial_effects(values, higher_is_better=True, margin=0.4)
    assert change(effects, "A").judgement == "safe"
    assert change(effects, "B").judgement == "loses"
    (mask,) = effects.masks
    assert (mask.hidden, mask.by) == ("B", ("A",))
    assert mask.loss_alone == pytest.approx(0.8, abs=0.15)
    assert abs(mask.loss_together) < 0.2
    assert effects.joint_losses == ()
    assert effects.losing == ("B",)
    assert effects.decided


def test_a_gain_that_pays_for_a_loss_hides_it_too() -> None:
    values = cells_of({BASE: 80.0, A: 80.8, B: 79.2, AB: 80.0}, 8)
    effects = factorial_effects(values, higher_is_better=True, margin=0.4)
    assert [(mask.hidden, mask.by) for mask in effects.masks] == [("B", ("A",))]


def test_a_loss_of_two_changes_together_is_no_loss_of_either_alone() -> None:
    values = cells_of({BASE: 0.3, A: 0.3, B: 0.3, AB: 0.9}, 8)
    effects = factorial_effects(values, higher_is_better=False, margin=0.3)
    (joint,) = effects.joint_losses
    assert joint.changes == ("A", "B")
    assert joint.loss == pytest.approx(0.6, abs=0.15)
    assert 0.0 < joint.interval[0] < 0.6 < joint.interval[1]
    assert effects.losing == ("A", "B")
    assert effects.masks == ()
    a = change(effects, "A")
    assert a.alone is not None
    assert a.with_others is not None
    assert (a.alone.loss_shown, a.alone.safe) == (False, True)
    assert a.with_others.loss_shown


def test_only_the_smallest_combination_is_named() -> None:
    levels_of = {cell: -1.0 * ({"A", "B"} <= cell) for cell in full_design("ABC")}
    effects = factorial_effects(cells_of(levels_of, 10), higher_is_better=True, margin=0.5)
    assert [joint.changes for joint in effects.joint_losses] == [("A", "B")]
    assert change(effects, "C").judgement == "safe"


def test_a_loss_below_a_fixed_margin_is_safe() -> None:
    values = cells_of({BASE: 0.0, A: -0.5}, 8)
    effects = factorial_effects(values, higher_is_better=True, margin=2.0)
    assert change(effects, "A").judgement == "safe"
    automatic = factorial_effects(values, higher_is_better=True, margin=None)
    assert change(automatic, "A").judgement == "loses"
    assert not automatic.fixed_margin
    assert 0.0 < automatic.margin < 0.5


def at_each_look(cells: Cells, most_seeds: int, margin: float) -> tuple[FactorialEffects, int]:
    """What the look finds that decides, and its seeds."""
    names = sorted(frozenset().union(*cells))
    for look in factorial_looks(len(names), most_seeds=most_seeds):
        seen = {cell: {s: of[s] for s in range(look.seeds)} for cell, of in cells.items()}
        effects = factorial_effects(
            seen, higher_is_better=True, margin=margin, look=look, most_seeds=most_seeds
        )
        if effects.decided:
            break
    return effects, look.seeds


@pytest.mark.parametrize("most_seeds", [3, 4, 5, 8, 12, 34])
def test_a_given_margin_decides_alike_however_many_seeds_are_planned(most_seeds: int) -> None:
    """Linked seeds show any loss at once; what counts is on which side of the margin it is."""
    for loss, judgement in ((0.004, "safe"), (0.015, "safe"), (0.03, "loses")):
        cells = cells_of({BASE: 0.8, A: 0.8 - loss}, 34, noise=1e-5)
        effects, seeds = at_each_look(cells, most_seeds, 0.02)
        assert change(effects, "A").judgement == judgement
        assert effects.losing == (("A",) if judgement == "loses" else ())
        assert seeds <= 8
        two = {BASE: 0.8, A: 0.8, B: 0.8, AB: 0.8 - loss}
        effects, _ = at_each_look(cells_of(two, 34, noise=1e-5), most_seeds, 0.02)
        if most_seeds >= 4:  # fewer cannot show three losses at a seventh of the level
            assert effects.losing == (("A", "B") if judgement == "loses" else ())


def test_a_shown_loss_near_the_margin_goes_on_and_is_red_only_if_it_is_not_excluded() -> None:
    """0.019 with an SD of 0.01: a loss, whether 0.02 or less takes more than a few seeds."""
    cells = cells_of({BASE: 0.8, A: 0.781}, 34, noise=0.007, run=16)
    look = factorial_looks(1, most_seeds=34)[1]
    seen = {cell: {s: of[s] for s in range(look.seeds)} for cell, of in cells.items()}
    effects = factorial_effects(seen, higher_is_better=True, margin=0.02, look=look)
    alone = change(effects, "A").alone
    assert alone is not None
    assert (alone.loss_shown, alone.safe) == (True, False)
    assert change(effects, "A").judgement == "unclear"
    assert not effects.decided
    last = FactorialLook(look.seeds, look.alpha, 0.1, last=True)
    effects = factorial_effects(seen, higher_is_better=True, margin=0.02, look=last)
    assert change(effects, "A").judgement == "loses"
    assert effects.decided


def test_failed_seeds_are_at_the_bad_end() -> None:
    values = cells_of({BASE: 0.0, A: 0.0, B: 0.0, AB: 0.0}, 6)
    values[A] = dict.fromkeys(range(6), math.nan)
    for higher in (True, False):
        effects = factorial_effects(values, higher_is_better=higher, margin=1.0)
        a = change(effects, "A")
        assert a.judgement == "loses"
        assert a.alone is not None
        assert a.alone.loss == math.inf
        assert a.alone.mean == (-math.inf if higher else math.inf)
        assert a.alone.interval == (-math.inf, math.inf)
        assert [(mask.hidden, mask.by) for mask in effects.masks] == [("A", ("B",))]
    assert effects.cells[A].failed == 6
    # One failed seed is no evidence, but forbids to call the change safe.
    values[A] = {**values[B], 0: math.inf}
    a = change(factorial_effects(values, higher_is_better=True, margin=1.0), "A")
    assert a.judgement == "unclear"


def test_one_outlier_neither_makes_nor_hides_a_loss() -> None:
    values = cells_of({BASE: 0.0, A: 0.0}, 10, run=12)
    values[A][3] = -1e4
    assert (
        change(factorial_effects(values, higher_is_better=True, margin=1.0), "A").judgement
        != "loses"
    )
    lost = cells_of({BASE: 0.0, A: -1.0}, 10)
    lost[A][3] = 1e4
    a = change(factorial_effects(lost, higher_is_better=True, margin=0.5), "A").alone
    assert a is not None
    assert a.loss_shown
    assert 0.9 < a.loss < 1.2


def test_a_missing_cell_leaves_out_what_needs_it() -> None:
    """As where the changes conflict when they are merged."""
    values = cells_of({BASE: 0.0, A: -1.0, B: 0.0}, 8)
    effects = factorial_effects(values, higher_is_better=True, margin=0.5)
    a = change(effects, "A")
    assert (a.judgement, a.with_others, a.main) == ("loses", None, None)
    assert effects.interactions == effects.joint_losses == effects.masks == ()


def test_a_fraction_names_what_it_confounds() -> None:
    design = fractional_design("ABCDE", resolution=3)
    values = cells_of({cell: -1.0 * ("C" in cell) for cell in design.cells}, 6)
    effects = factorial_effects(values, higher_is_better=True, margin=0.5)
    c = change(effects, "C")
    assert c.judgement == "loses"
    assert c.main is not None
    assert c.main.mean == pytest.approx(-1.0, abs=0.2)
    words = {frozenset(alias) ^ {"C"} for alias in c.main.aliases}
    assert words <= set(design.words)
    assert {("A", "E")} <= set(c.main.aliases)
    assert change(effects, "B").judgement == "safe"


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ({A: {0: 1.0}}, {}, "values has no cell for BASE"),
        ({BASE: {0: 1.0}}, {}, "values has no cell with a change"),
        ({BASE: {0: 1.0}, A: {}}, {}, "the cell A has no seed"),
        ({BASE: {0: 1.0}, A: {0: 1.0}}, {"alpha": 1.0}, "alpha=1.0 is not a probability"),
        ({BASE: {0: 1.0}, A: {0: 1.0}}, {"margin": 0.0}, "margin is 0.0; allowed is a finite"),
        ({BASE: {0: 1.0}, A: {0: 1.0}}, {"changes": ["B"]}, "the change 'A', which is none of"),
    ],
)
def test_bad_cells_are_one_clear_line(
    values: Cells, options: dict[str, object], message: str
) -> None:
    arguments = {"higher_is_better": True, "margin": None, **options}
    with pytest.raises(ValueError, match=message):
        factorial_effects(values, **arguments)  # type: ignore[arg-type]


def test_looks_spend_no_more_than_the_level() -> None:
    looks = factorial_looks(2, most_seeds=34)
    assert [look.seeds for look in looks] == [5, 8, 13, 21, 34]
    assert [look.last for look in looks] == [False] * 4 + [True]
    assert all(one.alpha < other.alpha for one, other in pairwise(looks))
    assert sum(look.alpha for look in looks) < 0.06
    assert factorial_looks(2, most_seeds=3)[-1].seeds == 3
    assert (family_size(1), family_size(2), family_size(4)) == (1, 7, 23)
    with pytest.raises(ValueError, match="alpha=0 is not a probability"):
        factorial_looks(2, alpha=0)
    with pytest.raises(ValueError, match="n_changes is 0; allowed is at least 1"):
        factorial_looks(0)


def test_a_clear_effect_spends_few_seeds() -> None:
    looks = factorial_looks(1, most_seeds=34)
    clear = cells_of({BASE: 0.0, A: -3.0}, 34)
    dull = cells_of({BASE: 0.0, A: 0.0}, 34, run=13)

    def spent(cells: Cells) -> int:
        for look in looks:
            seen = {cell: {s: of[s] for s in range(look.seeds)} for cell, of in cells.items()}
            effects = factorial_effects(
                seen, higher_is_better=True, margin=0.5, look=look, most_seeds=34
            )
            more = next_seeds(effects, looks)
            if more is None:
                return look.seeds
            assert more == looks[looks.index(look) + 1].seeds
        raise AssertionError("the last look leaves none")

    assert spent(clear) == 5
    assert spent(dull) <= 13


def test_a_look_that_cannot_show_a_loss_shows_none() -> None:
    values = cells_of({BASE: 0.0, A: -9.0}, 3)
    look = FactorialLook(3, alpha=0.0, safety=0.0, last=False)
    effects = factorial_effects(values, higher_is_better=True, margin=1.0, look=look)
    assert change(effects, "A").judgement == "unclear"
    assert not effects.decided
