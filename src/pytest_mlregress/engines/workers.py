"""What a run loop asks of its workers, wherever they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final, Protocol

ENDED: Final = -1
"""In place of the number of an item: there is none."""

Message = tuple[Any, ...]
"""Plain builtins; the first is the kind of the message, a string."""


def collection_digest(node_ids: Iterable[str]) -> str:
    """What two processes compare that have to have collected the same: a SHA-256 in hexadecimal.

    Hundreds of workers that each send the node ids of a large suite are gigabytes.

    Args:
        node_ids: of all items, in their order.
    """
    digest = hashlib.sha256()
    for node_id in node_ids:
        digest.update(node_id.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


class WorkersLostError(RuntimeError):
    """No worker can do what is asked of it; the text says why, and what to do."""


class Workers(Protocol):
    """Workers of one kind, in the process that hands items out.

    A worker says ``ready`` when it has nothing to do, and is then sent ``run`` with the numbers of
    an item and of the one that is likely to follow, `ENDED` for none. `ItemWorker` is that which
    speaks at the other end, and has the list of what it says.
    """

    def begin(self, number: int) -> None:
        """Start the worker ``gw<number>``.

        Raises:
            WorkersLostError: none can be started.
        """

    def send(self, number: int, message: Message) -> None:
        """Send a message to a worker; one that is gone is told by `receive`, not here."""

    def receive(self) -> Iterable[tuple[int, Message]]:
        """Wait until some worker has said something.

        Returns:
            Messages with the numbers of their workers, in the order of each worker; none where it
            has waited for long. ``("lost", reason)`` is the last one of a worker that is gone and
            has not said ``end``; the reason is in words, or empty where none is known.
            ``("here", machine)`` is the first one of a worker that may be on another machine.
        """

    def end(self, number: int) -> None:
        """A worker has said ``end``, or was lost: nothing more is expected of it."""

    def close(self) -> None:
        """End all workers that are left, whatever they do."""
