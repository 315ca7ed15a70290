"""A seed that is to be trained at a state of the code, and what it gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

from pytest_mlregress.baselines.packages import installed_version
from pytest_mlregress.revisions.cells.cell import Cell
from pytest_mlregress.revisions.companion import BaseSeed
from pytest_mlregress.running.printed_error import last_line
from pytest_mlregress.running.reads import Reads
from pytest_mlregress.running.result import SeedResult, with_spent
from pytest_mlregress.running.seed_keys import REPORT_ATTRIBUTE

SeedSource: TypeAlias = Literal["trained", "cache", "journal"]

_SKIPPED: Final = "Skipped: "


@dataclass(frozen=True, slots=True)
class SeedRequest:
    """A seed to train.

    Attributes:
        cell: at which state of the code.
        test: the node id of the test without the seed.
        seed: the seed.
        repeat: another number than 0 trains the same seed again, whatever is known of it.
    """

    cell: Cell
    test: str
    seed: int
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class TrainedSeed:
    """What a seed gave.

    Attributes:
        request: which seed it is.
        result: what it recorded; its outcome is ``"finished"`` or ``"failed"``. None where it could
            not be run.
        unavailable: why this state of the code cannot run it: the test is not there, cannot be
            imported, is skipped, imports other code, or its process died. None where it did.
        source: whether it was trained now, taken from the cache, or from an interrupted run.
        reads: what it depended on; None where that was not recorded.
        environment: in which it trained, as facts by name.
        packages: the versions of the packages that it had imported; none where its reads were not
            recorded.
    """

    request: SeedRequest
    result: SeedResult | None
    unavailable: str | None
    source: SeedSource
    reads: Reads | None = None
    environment: Mapping[str, Any] | None = None
    packages: Mapping[str, str] = field(default_factory=dict)

    @property
    def still_holds(self) -> bool:
        """Whether nothing that it read, and no package of this environment, has changed since.

        What no hash covers is trusted: a journal is read by the very command that wrote it. Where
        the reads were not recorded nothing is known to have changed.
        """
        side = self.request.cell.side
        if self.reads is not None and self.reads.change_in(side.checkout) is not None:
            return False
        return side.other_environment or all(
            installed_version(name) == version for name, version in self.packages.items()
        )

    def to_builtins(self) -> dict[str, Any]:
        """All but the request, as plain builtins that JSON can hold.

        Returns:
            The record.
        """
        return {
            "result": None if self.result is None else self.result.to_builtins(),
            "unavailable": self.unavailable,
            "reads": None if self.reads is None else self.reads.to_builtins(),
            "environment": self.environment,
            "packages": dict(self.packages),
        }

    @classmethod
    def from_builtins(
        cls, request: SeedRequest, record: Mapping[str, Any], source: SeedSource
    ) -> TrainedSeed:
        """The inverse of `to_builtins`.

        Args:
            request: which seed it is.
            record: what `to_builtins` returned.
            source: where the record comes from.

        Returns:
            The seed.
        """
        result, reads = record["result"], record["reads"]
        return cls(
            request=request,
            result=None if result is None else SeedResult.from_builtins(result),
            unavailable=record["unavailable"],
            source=source,
            reads=None if reads is None else Reads.from_builtins(reads),
            environment=record["environment"],
            packages=record["packages"],
        )


def trained_seed(request: SeedRequest, answer: BaseSeed) -> TrainedSeed:
    """What the process that trained a seed said of it.

    Args:
        request: which seed it is.
        answer: what the process said.

    Returns:
        The seed.
    """
    unavailable = answer.unavailable or answer.wrong_origin or answer.crashed
    payload: dict[str, Any] = {}
    message = ""
    for report in answer.reports:
        payload |= report.get(REPORT_ATTRIBUTE) or {}
        if report["outcome"] == "failed" and not message:
            message = _failure(report)
        elif report["outcome"] == "skipped" and unavailable is None:
            unavailable = _skip(report)
    if unavailable is not None or "result" not in payload:
        reason = unavailable or message or "it reported nothing"
        return TrainedSeed(request, None, reason, "trained")
    result = with_spent(SeedResult.from_builtins(payload["result"]), payload.get("spent", {}))
    if message:
        result = replace(result, outcome="failed", message=message)
    reads = payload.get("reads")
    return TrainedSeed(
        request=request,
        result=result,
        unavailable=None,
        source="trained",
        reads=None if reads is None else Reads.from_builtins(reads),
        environment=payload.get("environment"),
        packages={} if reads is None else reads["packages"],
    )


def _failure(report: Mapping[str, Any]) -> str:
    """One line that says why a seed failed."""
    longrepr = report.get("longrepr")
    crash = longrepr.get("reprcrash") if isinstance(longrepr, Mapping) else None
    if not crash:
        return last_line(str(longrepr or "failed"))
    lines = str(crash["message"]).strip().splitlines() or ["failed"]
    return f"{lines[0]} ({crash['path']}:{crash['lineno']})"


def _skip(report: Mapping[str, Any]) -> str:
    """Why a seed was skipped or, as expected, failed."""
    longrepr = report.get("longrepr")
    if isinstance(longrepr, (list, tuple)):
        return f"it is skipped: {str(longrepr[-1]).removeprefix(_SKIPPED)}"
    return f"it is expected to fail: {report.get('wasxfail') or last_line(str(longrepr or ''))}"
