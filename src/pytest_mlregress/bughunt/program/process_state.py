"""Leave the process as it was: random states, modes, defaults."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class RandomState:
    """The state of every generator that a training program draws from by default."""

    python: tuple[Any, ...]
    numpy: tuple[Any, ...]
    torch_cpu: torch.Tensor
    torch_cuda: tuple[torch.Tensor, ...]

    @classmethod
    def now(cls) -> RandomState:
        """The present state; CUDA's only where CUDA is in use."""
        in_use: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        cuda = torch.cuda.get_rng_state_all() if in_use else []
        numpy_state = np.random.get_state(legacy=True)
        assert isinstance(numpy_state, tuple)
        return cls(random.getstate(), numpy_state, torch.get_rng_state(), tuple(cuda))

    def restore(self) -> None:
        """Make this the present state."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.torch_cpu)
        if self.torch_cuda:
            torch.cuda.set_rng_state_all(list(self.torch_cuda))

    def differences(self, other: RandomState) -> list[str]:
        """Names of the generators whose states differ: ``python``, ``numpy``, ``torch``."""
        same = {
            "python": self.python == other.python,
            "numpy": self.numpy[2] == other.numpy[2]
            and bool(np.array_equal(self.numpy[1], other.numpy[1])),
            "torch": torch.equal(self.torch_cpu, other.torch_cpu),
        }
        return [name for name, equal in same.items() if not equal]


def seed_everything(seed: int) -> None:
    """Seed python's, numpy's and torch's default generators."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


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
