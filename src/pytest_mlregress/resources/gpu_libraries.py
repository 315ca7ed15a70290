"""Which libraries of this process could use a GPU; none is imported or initialised to find out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Final


def _torch_has_gpu(torch: Any) -> bool:
    version = getattr(torch, "version", None)
    return any(getattr(version, name, None) is not None for name in ("cuda", "hip"))


def _jax_has_gpu(jax: Any) -> bool:
    return find_spec("jax_plugins") is not None  # without a plugin it knows processors alone


def _tensorflow_has_gpu(tensorflow: Any) -> bool:
    test = tensorflow.test
    return bool(test.is_built_with_cuda() or test.is_built_with_rocm())


def _paddle_has_gpu(paddle: Any) -> bool:
    return bool(paddle.is_compiled_with_cuda())


_UNMEASURED: Final[Mapping[str, Callable[[Any], bool]]] = {
    "jax": _jax_has_gpu,
    "tensorflow": _tensorflow_has_gpu,
    "paddle": _paddle_has_gpu,
    "cupy": lambda cupy: True,
}
"""Libraries that do not tell how much of a GPU they use, and whether one was built to use any."""


def unmeasured_gpu() -> bool:
    """Whether a library may use a GPU here whose memory is not known to torch."""
    return any(
        _has_gpu(sys.modules[name], has_gpu)
        for name, has_gpu in _UNMEASURED.items()
        if name in sys.modules
    )


def may_use_gpu() -> bool:
    """Whether a seed of this process could use a GPU, by what is imported so far.

    Returns:
        True also where none of these libraries is, since a test may import one.
    """
    torch = sys.modules.get("torch")
    others = [name for name in _UNMEASURED if name in sys.modules]
    if torch is None and not others:
        return True
    return (torch is not None and _has_gpu(torch, _torch_has_gpu)) or unmeasured_gpu()


def _has_gpu(library: Any, has_gpu: Callable[[Any], bool]) -> bool:
    with suppress(Exception):  # one that is only half imported
        return has_gpu(library)
    return True
