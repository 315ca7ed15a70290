"""What the markers on a test declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Final

import pytest

from pytest_mlregress.running.named_seeds import named_seeds
from pytest_mlregress.running.regression_tests import MARKERS
from pytest_mlregress.settings import EVERY_TIER, MOST_SEEDS, SettingError, Settings, override

DEFAULT_TIER: Final = "default"
LEAST_BASELINE_SEEDS: Final = 20
MOST_LOOKS: Final = 3
"""An update that is undecided after its n seeds goes on to 2 n, and once more to 3 n."""
LARGEST_SEED: Final = 2**32 - 1
"""numpy's legacy generator takes no larger seed."""


class MarkerError(ValueError):
    """A marker that cannot be used; its text names the marker, the value and the remedy."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a test declares: its settings, the seeds of this run, and its tier.

    Attributes:
        settings: the settings of the test.
        seeds: the seeds of this run.
        check_seeds: the seeds of a check.
        tier: the name of the tier.
        params: the mapping of the tier.
        looks: numbers of seeds after which an update is judged; empty for a check.
        tiers: the names of all its tiers, in the order of the marker; none without it.
        takes_seeds: whether the test is written for several seeds: its marker has the argument
            ``vectorized``, whose value says whether they train together.
    """

    settings: Settings
    seeds: tuple[int, ...]
    check_seeds: tuple[int, ...]
    tier: str
    params: Mapping[str, Any]
    looks: tuple[int, ...] = ()
    tiers: tuple[str, ...] = ()
    takes_seeds: bool = False

    def turn(self, seed: int) -> int:
        """When a seed runs among those of other tests.

        A check's seeds run in order, an update's with the look that needs them.

        Args:
            seed: a seed of the test.

        Returns:
            Its position; seeds with the same one run together.
        """
        place = self.seeds.index(seed)
        return sum(place >= n for n in self.looks) if self.looks else place


_DECLARED: Final = pytest.StashKey[
    dict[tuple[object, ...], tuple[tuple[pytest.Mark, ...], Declaration]]
]()
"""What was read from marks, by the tier and the marks, which it keeps alive."""


def own_marks(node: pytest.Item) -> tuple[pytest.Mark, ...]:
    """The marks of a test that are this plugin's, the closest first.

    Args:
        node: the item or function definition.

    Returns:
        The marks.
    """
    # As `iter_markers`, whose generators take several times as long: once for every item.
    marks: list[pytest.Mark] = []
    holder: Any = node
    while holder is not None:
        if holder.own_markers:
            marks += [mark for mark in holder.own_markers if mark.name in MARKERS]
        holder = holder.parent
    return tuple(marks)


def declared_by(
    node: pytest.Item, marks: tuple[pytest.Mark, ...], settings: Settings
) -> Declaration:
    """As `declare`, once for all items with the same marks, such as the seeds of a test.

    Args:
        node: the item or function definition.
        marks: its `own_marks`.
        settings: the settings of the run, and the tier of the item.

    Returns:
        What the test declares.

    Raises:
        MarkerError: a marker's argument cannot be used.
    """
    if settings.preflight:
        return declare(node, settings)  # which depends on what the command line names, too
    known = node.config.stash.setdefault(_DECLARED, {})
    key = (settings.tier, *map(_identity, marks))
    found = known.get(key)
    if found is None:
        found = known[key] = marks, declare(node, settings)
    return found[1]


def _identity(mark: pytest.Mark) -> object:
    """The same for marks that say the same, where that is known at once, as of ``seeds(5)``."""
    if mark.kwargs:
        return id(mark)
    if not mark.args:
        return mark.name
    return (mark.name, mark.args) if set(map(type, mark.args)) == {int} else id(mark)


def declare(node: pytest.Item, settings: Settings) -> Declaration:
    """Read the markers of a test.

    Args:
        node: the item or function definition.
        settings: the settings of the run.

    Returns:
        What the test declares.

    Raises:
        MarkerError: a marker's argument cannot be used.
    """
    try:
        own = override(settings, _mlregress_arguments(node))
        _refuse_unknown_checks(own.suppress)
    except SettingError as error:
        raise MarkerError(str(error)) from None
    check = check_seeds(node, own)[: 1 if own.deterministic else None]
    seeds = _seeds_of_preflight(node, check) if own.preflight else check
    tier, params = _tier(node, own)
    looks = baseline_looks(check, own) if own.updating else ()
    vectorized = is_vectorized(node)
    if vectorized and not own.compares_sides:  # a pair is trained seed by seed
        own = replace(own, vectorized=True, stop="never")
    return Declaration(
        settings=own,
        seeds=_extend(check, looks[-1])[: looks[-1]] if looks else seeds,
        check_seeds=check,
        looks=looks,
        tier=tier,
        params=params,
        tiers=tier_names(node),
        takes_seeds=vectorized is not None,
    )


def _refuse_unknown_checks(suppress: tuple[str, ...]) -> None:
    """Every slug is in the catalogue, which imports neither torch nor the checks."""
    if not suppress:
        return
    from pytest_mlregress.bughunt.registry import require_known

    try:
        require_known(suppress, f"mlregress(suppress={list(suppress)!r})")
    except ValueError as error:
        raise SettingError(str(error)) from None


def _seeds_of_preflight(node: pytest.Item, check: tuple[int, ...]) -> tuple[int, ...]:
    """The first seed, and those that the command line names; pytest leaves out what it does not."""
    named = named_seeds(node)
    return tuple(seed for seed in check if seed == check[0] or seed in named)


def _mlregress_arguments(node: pytest.Item) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for mark in node.iter_markers("mlregress"):
        if mark.args:
            raise MarkerError(
                f"mlregress{_call(mark)}: takes keyword arguments only, such as test='welch'; "
                "the number of seeds belongs in the marker seeds(n)"
            )
        # The marker closest to the test comes first and wins, argument by argument.
        arguments = {**mark.kwargs, **arguments}
    return arguments


def check_seeds(node: pytest.Item, settings: Settings) -> tuple[int, ...]:
    """The seeds of a check, in the order in which they run and are judged.

    Args:
        node: the item or function definition.
        settings: the settings of the test.

    Returns:
        The seeds.

    Raises:
        MarkerError: the marker ``seeds`` cannot be used.
    """
    mark = node.get_closest_marker("seeds")
    declared = tuple(range(settings.default_seeds)) if mark is None else _marked_seeds(mark)
    if settings.seeds is None:
        return declared
    if isinstance(settings.seeds, tuple):
        return settings.seeds
    return _extend(declared, settings.seeds)[: settings.seeds]


def is_vectorized(node: pytest.Item) -> bool | None:
    """Whether one run of a test trains all of its seeds.

    Args:
        node: the item or function definition.

    Returns:
        What its marker ``seeds`` says; None where it says nothing.

    Raises:
        MarkerError: the argument is no bool.
    """
    mark = node.get_closest_marker("seeds")
    if mark is None or "vectorized" not in mark.kwargs:
        return None
    asked = mark.kwargs["vectorized"]
    if not isinstance(asked, bool):
        raise MarkerError(f"seeds(vectorized={asked!r}): expected True or False")
    return asked


def _marked_seeds(mark: pytest.Mark) -> tuple[int, ...]:
    if len(mark.args) != 1 or mark.kwargs.keys() - {"vectorized"}:
        raise MarkerError(
            f"seeds{_call(mark)}: takes one argument, a number of seeds (seeds(5)) "
            "or a list of them (seeds([3, 7, 11])), and vectorized=True to train them together"
        )
    asked = mark.args[0]
    if _is_whole(asked):
        if not 1 <= asked <= MOST_SEEDS:
            raise MarkerError(
                f"seeds({asked}): the number of seeds must be between 1 and {MOST_SEEDS}"
            )
        return tuple(range(asked))
    if isinstance(asked, (str, bytes)) or not isinstance(asked, (Sequence, range)):
        raise MarkerError(
            f"seeds({asked!r}): expected a whole number or a list of whole numbers, "
            f"not {type(asked).__name__}"
        )
    return _listed_seeds(list(asked))


def _listed_seeds(seeds: list[Any]) -> tuple[int, ...]:
    if not seeds:
        raise MarkerError("seeds([]): the list is empty; name at least one seed")
    for seed in seeds:
        if not _is_whole(seed) or not 0 <= seed <= LARGEST_SEED:
            raise MarkerError(
                f"seeds({seeds!r}): {seed!r} is not a whole number between 0 and {LARGEST_SEED}"
            )
    repeated = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if repeated:
        raise MarkerError(
            f"seeds({seeds!r}): {', '.join(map(str, repeated))} appears more than once; "
            "a repeated seed is not another sample"
        )
    return tuple(seeds)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _call(mark: pytest.Mark) -> str:
    arguments = [repr(value) for value in mark.args]
    arguments += [f"{name}={value!r}" for name, value in mark.kwargs.items()]
    return f"({', '.join(arguments)})"


def baseline_looks(check: tuple[int, ...], settings: Settings) -> tuple[int, ...]:
    """After how many seeds an update is judged: once if the number was given, or is one.

    Its seeds are the check's, so that runs can be paired, and then more of them.

    Args:
        check: the seeds of the check.
        settings: the settings of the test.

    Returns:
        Increasing numbers of seeds.
    """
    if settings.deterministic:
        return (1,)
    if settings.baseline_seeds is not None:
        return (settings.baseline_seeds,)
    number = max(LEAST_BASELINE_SEEDS, 4 * len(check))
    return tuple(number * look for look in range(1, MOST_LOOKS + 1))


def _extend(seeds: tuple[int, ...], number: int) -> tuple[int, ...]:
    extended = list(seeds)
    taken = set(seeds)
    candidate = 0
    while len(extended) < number:
        if candidate not in taken:
            extended.append(candidate)
        candidate += 1
    return tuple(extended)


def tier_names(node: pytest.Item) -> tuple[str, ...]:
    """The names of a test's tiers, in the order of the marker.

    Args:
        node: the item or function definition.

    Returns:
        The names; none without the marker.
    """
    mark = node.get_closest_marker("tiers")
    return tuple(mark.kwargs) if mark is not None else ()


def _tier(node: pytest.Item, settings: Settings) -> tuple[str, Mapping[str, Any]]:
    mark = node.get_closest_marker("tiers")
    if mark is None:
        return DEFAULT_TIER, {}
    if mark.args or not mark.kwargs:
        raise MarkerError(
            f"tiers{_call(mark)}: takes named tiers, such as tiers(fast={{'epochs': 1}}, "
            "full={'epochs': 20})"
        )
    for name, params in mark.kwargs.items():
        if not isinstance(params, Mapping):
            raise MarkerError(
                f"tiers({name}={params!r}): expected a mapping of parameters, such as "
                "{'epochs': 1}"
            )
    if EVERY_TIER in mark.kwargs:
        raise MarkerError(
            f"tiers({EVERY_TIER}={mark.kwargs[EVERY_TIER]!r}): --mlregress-tier={EVERY_TIER} "
            "stands for every tier; give this one another name"
        )
    given = None if settings.tier == EVERY_TIER else settings.tier
    name = given or next(iter(mark.kwargs))
    if name not in mark.kwargs:
        close = get_close_matches(name, mark.kwargs, n=1)
        nearest = f"; did you mean {close[0]}?" if close else ""
        raise MarkerError(
            f"--mlregress-tier={name}: this test has the tiers {', '.join(mark.kwargs)}{nearest}"
        )
    return name, dict(mark.kwargs[name])
