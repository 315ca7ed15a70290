"""Which item is run next by workers of several kinds, each with the resources of some items."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_mlregress.engines.queue import ItemQueue


class NeedQueue(ItemQueue):
    """The items of a session in a queue for each kind of worker.

    Args:
        node_ids: those of all items.
        kinds: by position: the kind of worker that an item needs, from 0.
        orders: for each kind: the positions of its items in the order in which they are run.
        kind_of: names the kind of a worker by its number.
        unit_of: names the unit of an item by its node id; items of a unit are of one kind.
    """

    def __init__(
        self,
        node_ids: Sequence[str],
        kinds: Sequence[int],
        orders: Sequence[Sequence[int]],
        kind_of: Callable[[int], int],
        unit_of: Callable[[str], str] = str,
    ) -> None:
        super().__init__(node_ids, ())
        self._kind_of_item = dict(zip(node_ids, kinds, strict=True))
        self._queues = [ItemQueue(node_ids, order, unit_of) for order in orders]
        self._kind_of = kind_of

    @property
    def is_empty(self) -> bool:
        """Whether none is left that a new worker could begin with."""
        return all(queue.is_empty for queue in self._queues)

    def waits(self, kind: int) -> bool:
        """Whether an item is left that a new worker could begin with.

        Args:
            kind: of the worker.
        """
        return not self._queues[kind].is_empty

    def take(self, worker: int) -> tuple[int | None, int | None]:
        """The next item of a worker, and the one that is likely to follow; see `ItemQueue`."""
        return self._queues[self._kind_of(worker)].take(worker)

    def lose(self, worker: int) -> None:
        """A worker is gone: others of its kind take what it would have run next."""
        self._queues[self._kind_of(worker)].lose(worker)

    def clear(self) -> None:
        """Begin none any more."""
        for queue in self._queues:
            queue.clear()

    def mark_test_pending(self, node_id: str) -> None:
        """Run a lost item again, before all others of its kind; see `ItemQueue`."""
        self._queues[self._kind_of_item[node_id]].mark_test_pending(node_id)
