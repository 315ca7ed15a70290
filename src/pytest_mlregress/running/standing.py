"""Whether a test has to be trained, given what its baseline's seeds have read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pytest_mlregress.baselines.recorded_reads import REPRODUCED
from pytest_mlregress.running.seed_items import SeedItem

NOT_RUN: Final = "mlregress: not run, nothing that the test reads has changed"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a test's code since its baseline was recorded.

    Attributes:
        changed: why its seeds are trained, in words; None where nothing has changed.
        audited: whether its first seeds are trained all the same, to see that the hashes cover
            what matters.
    """

    changed: str | None
    audited: bool = False

    def leaves_out(self, record: SeedItem) -> bool:
        """Whether a seed need not be trained.

        Args:
            record: of the seed.

        Returns:
            True where nothing has changed, except for the seeds of an audit.
        """
        if self.changed is not None:
            return False
        return not (self.audited and record.seed in record.selected[:REPRODUCED])

    def to_builtins(self) -> dict[str, Any]:
        """As a report holds it."""
        return {"changed": self.changed, "audited": self.audited}
