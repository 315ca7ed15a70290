"""The base of an A/B run as plain values: which code, which interpreter, where."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

BASE: Final = "base"
"""The side that `--mlregress-against` names, in payloads of reports and in node ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSide:
    """The side that the candidate is compared with; the same value in every process of a run.

    Attributes:
        label: the base in a few words.
        checkout: the top folder of its code; the candidate's where only the environment differs.
        rootdir: pytest's rootdir in that checkout.
        candidate_checkout: the top folder of the candidate's code.
        candidate_rootdir: pytest's rootdir of the candidate.
        commit: the base's commit; None outside git.
        merge_base_of: the ref whose merge base with HEAD that is; None for a ref's own commit.
        python: the interpreter that runs it.
        other_environment: whether that is another one than the candidate's.
        own_tests: whether each side runs its own tests.
        changed: the files, relative to the repository, that differ between both sides.
    """

    label: str
    checkout: Path
    rootdir: Path
    candidate_checkout: Path
    candidate_rootdir: Path
    commit: str | None
    python: str
    merge_base_of: str | None = None
    other_environment: bool = False
    own_tests: bool = False
    changed: tuple[str, ...] = ()

    @property
    def same_code(self) -> bool:
        """Whether both sides are the same files, and only the environments differ."""
        return self.checkout == self.candidate_checkout

    def moved(self, path: str | os.PathLike[str]) -> Path:
        """A path of the candidate as it is in the base's checkout; any other path as it is.

        What lies in the base's checkout stays, even where that is inside the candidate's folder.

        Args:
            path: an absolute path.

        Returns:
            The path.
        """
        place = Path(path)
        if place.is_relative_to(self.checkout) or not place.is_relative_to(self.candidate_checkout):
            return place
        return self.checkout / place.relative_to(self.candidate_checkout)

    def to_builtins(self) -> dict[str, Any]:
        """The side as plain builtins, which reach the workers of pytest-xdist.

        Returns:
            The record.
        """
        return {
            name: str(value)
            if isinstance(value, Path)
            else list(value)
            if isinstance(value, tuple)
            else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_builtins(cls, record: Mapping[str, Any]) -> BaseSide:
        """The inverse of `to_builtins`.

        Args:
            record: what it returned.

        Returns:
            The side.
        """
        values = {entry.name: record[entry.name] for entry in fields(cls)}
        for name in ("checkout", "rootdir", "candidate_checkout", "candidate_rootdir"):
            values[name] = Path(values[name])
        return cls(**{**values, "changed": tuple(values["changed"])})
