"""Data sets that may change without a sign."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.reachable_code import ReachableCall, calls_of, reachable_functions
from pytest_mlregress.doctor.registry import Question, check
from pytest_mlregress.doctor.regression_tests import RegressionTest
from pytest_mlregress.doctor.written_files import reads_own_file

FINGERPRINTED: Final = Question(
    "data-fingerprint",
    "data",
    "A test that reads a data set calls `mlregress.fingerprint`, or its baseline holds a "
    "fingerprint.",
)

_LOADERS: Final = re.compile(
    r"(numpy\.(load|loadtxt|genfromtxt|memmap)|pandas\.read_\w+|polars\.(read|scan)_\w+"
    r"|sklearn\.datasets\.(load|fetch)_\w+|datasets\.load_(dataset|from_disk)"
    r"|torchvision\.datasets\.\w+|torchaudio\.datasets\.\w+|torchtext\.datasets\.\w+"
    r"|tensorflow_datasets\.load|(tensorflow\.)?keras\.datasets\.\w+\.load_data|h5py\.File"
    r"|seaborn\.load_dataset|openml\.datasets\.get_dataset)"
)


@check(FINGERPRINTED)
def data_fingerprinted(project: Project) -> Iterator[DoctorFinding]:
    """Look for data sets that a test reads, and for a fingerprint of them."""
    for test in project.require_tests():
        yield _of_test(test, project)


def _of_test(test: RegressionTest, project: Project) -> DoctorFinding:
    name = project.node_id(test)
    place = project.place(test.module.file, test.node.lineno)
    kept = sorted({key for each in project.baselines_of(test) for key in each.artifact.data})
    if kept:
        return FINGERPRINTED.ok(f"{name}: its baseline holds that of {', '.join(kept)}", place)
    calls = list(calls_of(reachable_functions(project, [test])))
    if any(each.name.endswith(".fingerprint") for each in calls):
        return FINGERPRINTED.ok(f"{name}: calls mlregress.fingerprint", place)
    loading = next(
        (each for each in calls if _LOADERS.fullmatch(each.name) and not reads_own_file(each)), None
    )
    if loading is None:
        return FINGERPRINTED.ok(f"{name}: no call that reads a data set was found", place)
    return FINGERPRINTED.warning(
        f"{name}: reads data by {loading.name}() ({_place(loading, project)}), and nothing "
        "fingerprints it",
        'mlregress.fingerprint("train", data) in the test, then pytest --mlregress-update',
        place,
    )


def _place(call: ReachableCall, project: Project) -> str:
    return project.place(call.function.module.file, call.line)
