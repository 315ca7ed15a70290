"""Whether a process could use a GPU, by the libraries that it has imported."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_mlregress.resources import gpu_libraries
from pytest_mlregress.resources.gpu_libraries import may_use_gpu, unmeasured_gpu


def torch(cuda: str | None, hip: str | None = None) -> Any:
    return SimpleNamespace(version=SimpleNamespace(cuda=cuda, hip=hip))


def tensorflow(*, cuda: bool) -> Any:
    test = SimpleNamespace(is_built_with_cuda=lambda: cuda, is_built_with_rocm=lambda: False)
    return SimpleNamespace(test=test)


@pytest.mark.parametrize(
    ("imported", "may", "unmeasured"),
    [
        ({}, True, False),
        ({"torch": torch(None)}, False, False),
        ({"torch": torch("12.8")}, True, False),
        ({"torch": torch(None, "6.3")}, True, False),
        ({"torch": SimpleNamespace()}, False, False),
        ({"jax": SimpleNamespace()}, False, False),
        ({"torch": torch(None), "cupy": SimpleNamespace()}, True, True),
        ({"tensorflow": tensorflow(cuda=False)}, False, False),
        ({"torch": torch(None), "tensorflow": tensorflow(cuda=True)}, True, True),
        ({"tensorflow": SimpleNamespace()}, True, True),  # half imported
        ({"paddle": SimpleNamespace(is_compiled_with_cuda=lambda: False)}, False, False),
    ],
)
def test_what_was_built_for_processors_uses_no_gpu(
    imported: dict[str, Any], may: bool, unmeasured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("torch", "jax", "tensorflow", "paddle", "cupy"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name, module in imported.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(gpu_libraries, "find_spec", lambda name: None)
    assert (may_use_gpu(), unmeasured_gpu()) == (may, unmeasured)


def test_jax_uses_gpus_through_a_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace())
    monkeypatch.setattr(gpu_libraries, "find_spec", lambda name: object())
    assert may_use_gpu()
    assert unmeasured_gpu()
