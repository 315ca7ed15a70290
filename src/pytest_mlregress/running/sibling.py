"""A next item for one that runs alone: what it shares with others of its file stays set up."""

from __future__ import annotations

import pytest


class Sibling(pytest.Item):
    """Stands for the next item of the same file, which is not known or is the same one again."""

    @classmethod
    def of(cls, item: pytest.Item) -> pytest.Item:
        """A sibling of an item.

        Args:
            item: the item.

        Returns:
            The sibling, with the same parent.
        """
        assert item.parent is not None
        sibling: pytest.Item = cls.from_parent(item.parent, name="next")
        return sibling

    def runtest(self) -> None:
        """Never run."""
