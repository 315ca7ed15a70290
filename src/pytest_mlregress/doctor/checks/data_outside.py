"""What the recorded seeds read outside the repository."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.registry import CannotCheckError, Question, check
from pytest_mlregress.plurals import count_of

OUTSIDE: Final = Question(
    "data-outside",
    "data",
    "The seeds of the baselines opened no file outside the repository, no database and no network "
    "connection, as the record of their reads says.",
)

_SHOWN: Final = 3


@check(OUTSIDE)
def data_outside(project: Project) -> Iterator[DoctorFinding]:
    """Read what the baselines keep of their seeds' reads."""
    recorded = [
        (each, reads)
        for each in project.require_baselines()
        if (reads := each.artifact.provenance.reads) is not None
    ]
    if not recorded:
        raise CannotCheckError(
            "the baselines hold no record of what their seeds read",
            "record them again: pytest --mlregress-update --mlregress-unchanged=skip",
        )
    for baseline, reads in recorded:
        found = [
            reason
            for reason in reads.always_run
            if "outside the repository" in reason or reason.startswith(("connects to", "opens the"))
        ]
        if found:
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            yield OUTSIDE.warning(
                f"{baseline.test}: {'; '.join(found[:_SHOWN])}{more}",
                "bring the file into the repository (Git LFS, DVC), or fingerprint it: "
                'mlregress.fingerprint("train", path)',
                baseline.location,
            )
        else:
            files = count_of(len(reads.files), "file")
            yield OUTSIDE.ok(f"{baseline.test}: read {files} of the repository", baseline.location)
