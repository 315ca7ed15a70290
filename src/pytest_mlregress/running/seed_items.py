"""Seeds as ordinary pytest items: parametrization, grouping and order."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pytest

from pytest_mlregress import _compat
from pytest_mlregress.node_ids import (
    has_seed,
    seed_id,
    split_file,
    without_parameters,
    without_seed,
)
from pytest_mlregress.running.markers import (
    Declaration,
    MarkerError,
    declared_by,
    is_vectorized,
    own_marks,
)
from pytest_mlregress.running.regression_tests import FIXTURE, MARKERS, SEED, parametrizes_seed
from pytest_mlregress.running.seed_keys import SEED_ITEM
from pytest_mlregress.settings import Settings

TIER: Final = "mlregress_tier"
"""The parameter of a test that runs in each of its tiers."""


@dataclass(frozen=True, slots=True)
class SeedItem:
    """What an item knows about the test it is a seed of.

    Attributes:
        test: the node id without the seed.
        file: the test file.
        seed: the seed.
        declaration: what the test declares.
        selected: the seeds of the test that this session runs, in planned order, once the
            collection is complete.
        seeds_removed: whether another plugin or a ``conftest.py`` removed some of them.
        tests: the number of regression tests that were collected, before any was deselected.
        shortfall: why this machine is too small for it, None where it is not.
        overridden: the warning about a fixture ``seed`` of the project's own, None for none.
        together: the seeds that one run of the item trains, its own first; empty for that alone.
    """

    test: str
    file: Path
    seed: int
    declaration: Declaration
    selected: tuple[int, ...] = ()
    seeds_removed: bool = False
    tests: int = 1
    shortfall: str | None = None
    overridden: str | None = None
    together: tuple[int, ...] = ()

    def among(self, selected: tuple[int, ...], *, seeds_removed: bool, tests: int) -> SeedItem:
        """What the item knows once the collection is complete.

        Args:
            selected: the seeds of its test that this session runs.
            seeds_removed: see the attribute.
            tests: see the attribute.

        Returns:
            As `dataclasses.replace` does, which takes several times as long: one for each item.
        """
        return SeedItem(
            self.test,
            self.file,
            self.seed,
            self.declaration,
            selected,
            seeds_removed,
            tests,
            self.shortfall,
            self.overridden,
            self.together,
        )


def declare_seeds(metafunc: pytest.Metafunc, settings: Settings) -> Declaration:
    """What a regression test declares.

    Args:
        metafunc: pytest's, of the test.
        settings: the settings of the run.

    Returns:
        The declaration.

    Raises:
        pytest.Collector.CollectError: a marker cannot be used, or ``seed`` is parametrized.
    """
    name = metafunc.definition.nodeid
    if "seeds" in _compat.marks_of_parameters(metafunc):
        raise _collect_error(
            name,
            "seeds(...) on a single pytest.param is not supported; every parameter set of a test "
            "has the same seeds: move the marker to the test",
        )
    if parametrizes_seed(metafunc):
        raise _collect_error(name, _OWN_SEED)
    try:
        marks = own_marks(metafunc.definition)
        declaration = declared_by(metafunc.definition, marks, settings)
        vectorized = is_vectorized(metafunc.definition)
    except MarkerError as error:
        raise _collect_error(name, str(error)) from None
    if vectorized and SEED in metafunc.fixturenames:
        raise _collect_error(name, _NO_ONE_SEED)
    return declaration


def parametrize_seeds(metafunc: pytest.Metafunc, seeds: Sequence[int]) -> None:
    """Give a regression test one call per seed, with the marker that ``-m mlregress`` selects.

    Args:
        metafunc: pytest's, of the test.
        seeds: the seeds.

    Raises:
        pytest.Collector.CollectError: another plugin has parametrized ``seed``.
    """
    if SEED not in metafunc.fixturenames:
        metafunc.fixturenames.append(SEED)
    try:
        metafunc.parametrize(SEED, _calls(tuple(seeds)), scope="function")
    except (ValueError, pytest.Collector.CollectError) as error:
        if "duplicate" in str(error):
            raise _collect_error(metafunc.definition.nodeid, _OWN_SEED) from None
        raise


@lru_cache(maxsize=64)
def _calls(seeds: tuple[int, ...]) -> tuple[Any, ...]:
    """The parameters of as many items; most tests of a suite have the same."""
    return tuple(
        pytest.param(seed, id=seed_id(seed), marks=pytest.mark.mlregress) for seed in seeds
    )


def parametrize_tiers(metafunc: pytest.Metafunc, tiers: Sequence[str]) -> None:
    """Give a regression test one call per tier; its node id then names the tier.

    Args:
        metafunc: pytest's, of the test.
        tiers: the names of the tiers.
    """
    metafunc.fixturenames.append(TIER)
    metafunc.parametrize(TIER, tiers, ids=tiers, scope="function")


_OWN_SEED: Final = (
    "'seed' is parametrized by the test itself and by its marker; "
    "remove @pytest.mark.parametrize('seed', ...) and write @pytest.mark.seeds([...]) instead"
)


_NO_ONE_SEED: Final = (
    "seeds(..., vectorized=True) trains all seeds in one run of the test, so that there is no one "
    "'seed'; use mlregress.seeds in place of the fixture 'seed', or vectorized=False"
)


def _collect_error(name: str, problem: str) -> pytest.Collector.CollectError:
    return pytest.Collector.CollectError(f"{name}: {problem}")


def seed_files(node_ids: Iterable[str], rootdir: Path) -> set[Path]:
    """The test files of the seeds among node ids, all that xdist's controller knows of items.

    A project's parameter that looks like a seed's counts too.

    Args:
        node_ids: of items.
        rootdir: pytest's rootdir.

    Returns:
        The files.
    """
    return {rootdir / split_file(node_id)[0] for node_id in node_ids if has_seed(node_id)}


_OVERRIDDEN: Final = pytest.StashKey[dict[str, str]]()


def note_overridden_seed(metafunc: pytest.Metafunc, plugin: str) -> None:
    """Remember a project's fixture ``seed``, which the seeds override.

    Called before `parametrize_seeds`. The seeds warn of it when they run: a warning that is an
    error would abort the collection.

    Args:
        metafunc: pytest's, of the test.
        plugin: as in `regression_tests.is_regression_test`.
    """
    place = _compat.place_of(metafunc, SEED) if SEED in metafunc.fixturenames else None
    if place is None or _compat.resolves_to(metafunc, SEED, plugin):
        return
    test = metafunc.definition.nodeid
    metafunc.config.stash.setdefault(_OVERRIDDEN, {})[test] = (
        f"{test}: the fixture 'seed' of {place} is not used, since "
        "in a regression test 'seed' is the seed of the run; give the fixture another name"
    )


def hunts_once(metafunc: pytest.Metafunc, fixtures: Iterable[str]) -> bool:
    """True for a bug hunt that declares no seeds: it is marked only to suppress findings.

    Args:
        metafunc: pytest's, of the test.
        fixtures: the names of the bug-hunting fixtures.

    Returns:
        Whether it is one.
    """
    names = set(metafunc.fixturenames)
    if not names.intersection(fixtures) or names & {SEED, FIXTURE}:
        return False
    return all(metafunc.definition.get_closest_marker(name) is None for name in MARKERS[1:])


def adopt(item: pytest.Item, settings: Settings) -> None:
    """Attach the record for its run to an item that `parametrize_seeds` made.

    Args:
        item: the item.
        settings: the settings of the run.
    """
    values = _compat.parameter_values(item)
    seed = values.get(SEED)
    if not isinstance(seed, int):
        return
    ids = _compat.parameter_ids(item)
    marks = own_marks(item)
    if seed_id(seed) not in ids or "mlregress" not in [mark.name for mark in marks]:
        return
    node_id = item.nodeid
    overridden = item.config.stash.get(_OVERRIDDEN, None)
    item.stash[SEED_ITEM] = SeedItem(
        test=without_seed(node_id, ids, seed),
        file=item.path,
        seed=seed,
        declaration=declared_by(
            item, marks, replace(settings, tier=values[TIER]) if TIER in values else settings
        ),
        overridden=overridden.get(without_parameters(node_id)) if overridden else None,
    )


def in_seed_major_order(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """All first seeds first, so that every test's first look comes before any second one.

    In an update, the seeds of a look stay together, and those of later looks come last: most of
    them are not needed by then. Other items keep their place among the first seeds.

    Args:
        items: the collected items.

    Returns:
        The items in order.
    """

    def position(item: pytest.Item) -> int:
        record = item.stash.get(SEED_ITEM, None)
        return record.declaration.turn(record.seed) if record is not None else 0

    return sorted(items, key=position)


def note_selected_seeds(
    items: Iterable[pytest.Item], reduced: Container[str] = (), tests: int = 1
) -> bool:
    """Record on every seed which seeds of its test are left after all deselection.

    Args:
        items: the remaining items.
        reduced: the tests of which something else than the user removed some seeds.
        tests: the number of regression tests that were collected.

    Returns:
        Whether there is any seed.
    """
    groups: dict[str, list[tuple[pytest.Item, SeedItem]]] = {}
    for item in items:
        record = item.stash.get(SEED_ITEM, None)
        if record is not None:
            groups.setdefault(record.test, []).append((item, record))
    for test, members in groups.items():
        left = {record.seed for _, record in members}
        planned = members[0][1].declaration.seeds
        selected = tuple([seed for seed in planned if seed in left])
        removed = test in reduced
        for item, record in members:
            item.stash[SEED_ITEM] = record.among(selected, seeds_removed=removed, tests=tests)
    return bool(groups)
