"""What the seeds of an update have read, for the baseline that is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_mlregress.baselines.recorded_reads import RecordedReads
from pytest_mlregress.running.reads import Reads, merged


def reads_together(
    reads: Mapping[int, Mapping[str, Any]], reproduced: Mapping[int, str]
) -> RecordedReads | None:
    """What the seeds of a test depended on together.

    Args:
        reads: what each seed has read.
        reproduced: of each seed that was trained twice, how its values differed.

    Returns:
        The reads; None where they were not recorded.
    """
    if not reads:
        return None
    records = [reads[seed] for seed in sorted(reads)]
    together = merged(Reads.from_builtins(record) for record in records)
    packages: dict[str, str] = {}
    for record in records:
        packages |= record["packages"]
    differing = [text for _, text in sorted(reproduced.items()) if text]
    if len({(record["settings"], record["machine"]) for record in records}) > 1:
        differing.append("its seeds trained under different settings or on different machines")
    return RecordedReads(
        files=together.files,
        listings=together.listings,
        absent=together.absent,
        packages=packages,
        settings=records[0]["settings"],
        machine=records[0]["machine"],
        reproduced=sum(not text for text in reproduced.values()),
        always_run=(*together.unseen, *differing),
        variables=together.variables,
    )
