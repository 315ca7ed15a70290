"""What a training depends on besides its code and packages, known before anything is trained."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from pytest_mlregress import __version__
from pytest_mlregress.baselines.environment import describe_environment

__all__ = ["machine_digest", "machine_facts"]

_PREFIXES: Final = (
    *("OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "BLIS_", "VECLIB_", "NUMEXPR_", "NPY_"),
    *("CUDA_", "CUBLAS_", "CUDNN_", "NCCL_", "NVIDIA_", "HIP_", "ROCM_", "MIOPEN_", "HSA_"),
    *("TORCH", "PYTORCH_", "ATEN_", "XLA_", "TF_", "JAX_", "KERAS_", "TRITON_", "DNNL_", "ONEDNN_"),
    *("NUMBA_", "OPT_EINSUM", "ACCELERATE_", "PYTHONHASHSEED", "PYTHONOPTIMIZE"),
)
"""How the environment variables begin that are known to change numbers."""

_FREE: Final = frozenset(
    {
        *("CUDA_VISIBLE_DEVICES", "TORCH_LOGS", "TF_CPP_MIN_LOG_LEVEL"),
        *("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"),
    }
)
"""Those that differ between equal workers, only say what is printed, or are set by scikit-learn."""

_GPUS: Final = Path("/proc/driver/nvidia/gpus")
_DIGITS: Final = 16


def machine_facts(threads: int | str, variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a training depends on here; no package is imported and no device initialised.

    Args:
        threads: the setting of the CPU threads per seed.
        variables: the environment variables when the process began, since libraries set some of
            their own; None for those of now.

    Returns:
        Interpreter, platform, processor, GPUs, driver, threads, variables and version of the
        plugin, in words.
    """
    described = describe_environment()
    facts = {name: str(described[name]) for name in ("python", "platform", "libc", "cpu")}
    given = os.environ if variables is None else variables
    chosen = {
        name: value
        for name, value in given.items()
        if name.startswith(_PREFIXES) and name not in _FREE and not _of_threads(name, threads)
    }
    if threads == "keep":
        facts["cores"] = str(os.cpu_count())
    return {
        **facts,
        "gpus": ", ".join(sorted(set(_gpu_models()))),
        "gpus_hidden": str(given.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1")),
        "plugin": __version__,
        "threads": str(threads),
        **chosen,
    }


def machine_digest(threads: int | str, variables: Mapping[str, str] | None = None) -> str:
    """A hash that two processes share exactly if their `machine_facts` are equal.

    Args:
        threads: the setting of the CPU threads per seed.
        variables: as in `machine_facts`.

    Returns:
        Hexadecimal digits.
    """
    text = json.dumps(machine_facts(threads, variables), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]


def _of_threads(name: str, threads: int | str) -> bool:
    """Whether the plugin sets the variable itself, to the number of threads."""
    return threads != "keep" and name.endswith(("_NUM_THREADS", "_MAXIMUM_THREADS"))


@cache
def _gpu_models() -> tuple[str, ...]:
    return tuple(_read_gpu_models())


def _read_gpu_models() -> Iterator[str]:
    with suppress(OSError):
        driver = Path("/proc/driver/nvidia/version").read_text(errors="replace")
        yield f"driver {driver.splitlines()[0]}"
        for folder in sorted(_GPUS.iterdir()):
            text = (folder / "information").read_text(errors="replace")
            found = re.search(r"^Model:\s*(.+)$", text, re.MULTILINE)
            yield found[1].strip() if found else text
