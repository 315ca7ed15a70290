"""By what the parts of the plugin know a seed: the key of its item's record, names in its report.

Apart from what they hold, so that a start of pytest without seeds does not load that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from pytest_mlregress.running.seed_items import SeedItem

SEED_ITEM: Final[pytest.StashKey[SeedItem]] = pytest.StashKey()
"""Of an item that is a seed, and of no other."""

REPORT_ATTRIBUTE: Final = "mlregress"
"""The attribute of a pytest report on which a seed's payload of plain builtins travels."""

TRAINED_WITH: Final = "trained_with"
"""The field of a payload with the seed whose item has trained that of the report, too."""
