"""Which item is run next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


class ItemQueue:
    """The items of a session that have not begun, and those that are under way.

    Items of one unit are run by one worker, one after the other.

    Args:
        node_ids: those of the items, in the order in which they are run.
        unit_of: names the unit of an item by its node id.

    Attributes:
        config: pytest's, which plugins look for at a scheduler of xdist that has lost an item.
    """

    config: pytest.Config

    def __init__(
        self,
        node_ids: Sequence[str],
        order: Iterable[int],
        unit_of: Callable[[str], str] = str,
    ) -> None:
        self._node_ids = node_ids
        self._units: deque[deque[int]] = deque()
        self._own: dict[int, deque[int]] = {}
        units: dict[str, deque[int]] = {}
        for index in order:
            name = unit_of(node_ids[index])
            if name not in units:
                units[name] = deque()
                self._units.append(units[name])
            units[name].append(index)

    @property
    def is_empty(self) -> bool:
        """Whether none is left that a new worker could begin with."""
        return not self._units

    def take(self, worker: int) -> tuple[int | None, int | None]:
        """The next item of a worker, and the one that is likely to follow.

        Args:
            worker: its number.

        Returns:
            Their positions among the session's items; None where there is none.
        """
        own = self._own.setdefault(worker, deque())
        if not own and self._units:
            own = self._own[worker] = self._units.popleft()
        index = own.popleft() if own else None
        following = own[0] if own else (self._units[0][0] if self._units else None)
        return index, following

    def lose(self, worker: int) -> None:
        """A worker is gone: others take what it would have run next."""
        own = self._own.pop(worker, None)
        if own:
            self._units.appendleft(own)

    def clear(self) -> None:
        """Begin none any more."""
        self._units.clear()
        self._own.clear()

    def mark_test_pending(self, node_id: str) -> None:
        """Run a lost item again, before all others; named as xdist's schedulers have it.

        Several plugins may ask for the same item, which is run once.

        Args:
            node_id: its node id.
        """
        again = deque([self._node_ids.index(node_id)])
        if again not in self._units:
            self._units.appendleft(again)
