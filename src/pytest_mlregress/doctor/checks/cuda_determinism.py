"""Flags of cuDNN, cuBLAS and TF32, where baselines were recorded on a GPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Baseline, Project
from pytest_mlregress.doctor.registry import CannotCheckError, Question, check

FLAGS: Final = Question(
    "cuda-determinism",
    "seeds",
    "Where baselines were recorded on a GPU: `torch.use_deterministic_algorithms`, "
    "`CUBLAS_WORKSPACE_CONFIG`, `cudnn.benchmark`, `cudnn.deterministic` and TF32, as the "
    "trainings had them.",
)

_REMEDIES: Final = {
    "cudnn.benchmark": "torch.backends.cudnn.benchmark = False",
    "deterministic_algorithms": "torch.use_deterministic_algorithms(True)",
    "CUBLAS_WORKSPACE_CONFIG": "export CUBLAS_WORKSPACE_CONFIG=:4096:8",
    "matmul.allow_tf32": 'torch.set_float32_matmul_precision("highest")',
}


@check(FLAGS)
def cuda_determinism(project: Project) -> Iterator[DoctorFinding]:
    """Read the flags that the baselines' trainings had."""
    for baseline in project.require_baselines():
        environment = baseline.artifact.provenance.environment
        flags = environment.get("determinism")
        if isinstance(flags, Mapping) and "deterministic_algorithms" in flags:
            yield _flags_of(baseline, flags, gpus=environment.get("gpus"))
    if not any(_knows_torch(baseline) for baseline in project.baselines):
        raise CannotCheckError("not applicable: no baseline was recorded with torch")


def _knows_torch(baseline: Baseline) -> bool:
    flags = baseline.artifact.provenance.environment.get("determinism")
    return isinstance(flags, Mapping) and "deterministic_algorithms" in flags


def _flags_of(baseline: Baseline, flags: Mapping[str, object], *, gpus: object) -> DoctorFinding:
    if not gpus:
        return FLAGS.ok(
            f"{baseline.test}: recorded on the CPU, where cuDNN, cuBLAS and TF32 do not apply",
            baseline.location,
        )
    faults = {}
    if flags.get("cudnn.benchmark"):
        faults["cudnn.benchmark"] = "cudnn.benchmark is on: algorithms are chosen by their time"
    if not flags.get("deterministic_algorithms"):
        only = ", cudnn.deterministic alone is on" if flags.get("cudnn.deterministic") else ""
        faults["deterministic_algorithms"] = f"deterministic algorithms are not required{only}"
    elif not flags.get("CUBLAS_WORKSPACE_CONFIG"):
        faults["CUBLAS_WORKSPACE_CONFIG"] = "CUBLAS_WORKSPACE_CONFIG is not set"
    if flags.get("matmul.allow_tf32"):
        faults["matmul.allow_tf32"] = "TF32 is on for matrix products: other GPUs round otherwise"
    names = ", ".join(map(str, gpus)) if isinstance(gpus, list | tuple) else str(gpus)
    names += f" (TF32 in convolutions {'on' if flags.get('cudnn.allow_tf32') else 'off'})"
    if not faults:
        return FLAGS.ok(f"{baseline.test}: deterministic on {names}", baseline.location)
    return FLAGS.warning(
        f"{baseline.test}: recorded on {names}; {'; '.join(faults.values())}",
        "; ".join(_REMEDIES[name] for name in faults),
        baseline.location,
    )
