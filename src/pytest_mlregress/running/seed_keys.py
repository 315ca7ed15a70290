"""By what the parts of the plugin know a seed: keys of its item and session, names in its report.

Apart from what they hold, so that a start of pytest without seeds does not load that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from pytest_mlregress.running.execution import Execution
    from pytest_mlregress.running.seed_items import SeedItem

EXECUTION: Final[pytest.StashKey[Execution]] = pytest.StashKey()
"""Of the session's configuration: what runs its seeds, once one has begun."""

SEED_ITEM: Final[pytest.StashKey[SeedItem]] = pytest.StashKey()
"""Of an item that is a seed, and of no other."""

REPORT_ATTRIBUTE: Final = "mlregress"
"""The attribute of a pytest report on which a seed's payload of plain builtins travels."""

TRAINED_WITH: Final = "trained_with"
"""The field of a payload with the seed whose item has trained that of the report, too."""
