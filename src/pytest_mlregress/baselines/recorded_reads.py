"""What the seeds of a baseline read, kept with it: a check may rest on it instead of training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["REPRODUCED", "RecordedReads"]

REPRODUCED: Final = 2
"""So many seeds must have given equal bits when they were trained twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedReads:
    """What can change the values of a baseline, as far as it could be seen when they were recorded.

    Attributes:
        files: the hash of each file that the seeds depend on, by its path in the checkout.
        listings: the hash of the names in each folder that they listed, likewise.
        absent: the modules, as paths without suffix, that they would import if these existed.
        packages: the versions of the imported distributions by name.
        settings: a hash of the settings that a training can depend on.
        machine: a hash of interpreter, processor, GPUs and variables, see `machine_digest`.
        reproduced: how many seeds were trained twice and gave equal bits.
        always_run: why the test is trained whatever else is equal; none if it need not be.
        variables: the hash of each environment variable that their code reads by name.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    listings: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    machine: str = ""
    reproduced: int = 0
    always_run: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("files", "listings", "packages", "variables"):
            object.__setattr__(self, name, dict(sorted(getattr(self, name).items())))
        object.__setattr__(self, "absent", tuple(sorted(self.absent)))
        object.__setattr__(self, "always_run", tuple(self.always_run))
