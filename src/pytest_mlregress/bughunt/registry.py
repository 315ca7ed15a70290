"""The registered hunt checks: what each needs, what it costs, which rules it applies."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_mlregress.bughunt.catalogue import RULES, Rule
from pytest_mlregress.bughunt.findings import Finding

if TYPE_CHECKING:
    from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext

Cost = Literal["trace", "replay", "training"]
Need = Literal["make_optimizer", "train_step", "evaluate", "train_batches", "val_batches", "ablate"]
CheckFunction = Callable[["HuntContext"], Iterable[Finding]]

_RANK: dict[Cost, int] = {"trace": 0, "replay": 1, "training": 2}
_checks: list[Check] = []


@dataclass(frozen=True)
class Check:
    """One function that looks for one mistake, or for a few that share a witness.

    Attributes:
        rules: those that its findings are made from.
        function: takes the `HuntContext`, yields findings, raises `CannotTell` where it does not
            apply.
        cost: ``"trace"`` reads what is recorded already, ``"replay"`` makes isolated runs of its
            own, ``"training"`` trains. Cheap checks run first.
        needs: what the user must have given.
        common: whether the bug is so common that it is looked for before others of its cost.
    """

    rules: tuple[Rule, ...]
    function: CheckFunction
    cost: Cost
    needs: tuple[Need, ...]
    common: bool = False

    @property
    def slugs(self) -> tuple[str, ...]:
        """The names that its findings carry."""
        return tuple(rule.slug for rule in self.rules)


def check(
    *rules: Rule, cost: Cost = "trace", needs: Sequence[Need] = (), common: bool = False
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as the check for `rules`."""

    def register(function: CheckFunction) -> CheckFunction:
        _checks.append(Check(rules, function, cost, tuple(needs), common))
        return function

    return register


def slugs() -> list[str]:
    """Every slug that a check may be asked for, sorted."""
    return sorted(slug for slug, rule in RULES.items() if rule.chapter != "suppressions")


def select(wanted: Collection[str] | None) -> list[Check]:
    """The checks for the wanted slugs (None: all), cheapest first.

    Raises:
        ValueError: an unknown slug, with the known ones that look like it.
    """
    if wanted is not None:
        require_known(wanted, "checks")
    chosen = [c for c in _checks if wanted is None or set(c.slugs) & set(wanted)]
    return sorted(chosen, key=lambda c: (_RANK[c.cost], not c.common))


def require_known(wanted: Collection[str], argument: str) -> None:
    """Raise ValueError for a slug that no check has."""
    if isinstance(wanted, str):
        raise ValueError(f"{argument} must be a sequence of slugs, not the string {wanted!r}")
    known = slugs()
    for slug in wanted:
        if slug not in known:
            near = difflib.get_close_matches(slug, known, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "see the catalogue"
            raise ValueError(f"{argument}: there is no check {slug!r}; {hint}")
