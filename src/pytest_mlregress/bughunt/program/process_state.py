"""Leave the process as it was: random states, modes, defaults."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

import torch

from pytest_mlregress.seeding import RandomState


@contextlib.contextmanager
def preserved() -> Iterator[None]:
    """Restore on exit every piece of global state that user code may change while it is replayed.

    Covers the random states, grad and inference mode, anomaly mode, default dtype and device,
    deterministic-algorithm flags, cuDNN's flags, thread count and the warning filters.
    """
    state = RandomState.now()
    anomaly = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
    dtype = torch.get_default_dtype()
    deterministic = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    threads = torch.get_num_threads()
    grad = torch.is_grad_enabled()
    try:
        with warnings.catch_warnings(), torch.inference_mode(False), torch.enable_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_grad_enabled(grad)
        torch.autograd.set_detect_anomaly(*anomaly)
        torch.set_default_dtype(dtype)
        torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        state.restore()
