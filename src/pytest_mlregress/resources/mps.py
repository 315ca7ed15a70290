"""Whether CUDA's Multi-Process Service runs, under which processes use one GPU at the same time.

Without it the driver gives the GPU to one process after the other (NVIDIA, "Multi-Process
Service").
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

_FOLDER: Final = "CUDA_MPS_PIPE_DIRECTORY"
_DEFAULT_FOLDER: Final = "/tmp/nvidia-mps"
_PIPE: Final = "control"


def mps_runs(environ: Mapping[str, str]) -> bool:
    """Whether the control daemon of the service has its pipe where CUDA would look for it.

    Args:
        environ: environment variables.

    Returns:
        True if it has.
    """
    with suppress(OSError):
        return (Path(environ.get(_FOLDER) or _DEFAULT_FOLDER) / _PIPE).exists()
    return False
