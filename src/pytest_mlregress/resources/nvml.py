"""What NVIDIA's driver knows of the GPUs, asked through NVML, which initialises none of them."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

_LIBRARY: Final = {"win32": "nvml.dll"}.get(sys.platform, "libnvidia-ml.so.1")
_UUID_LENGTH: Final = 96
"""See NVML_DEVICE_UUID_V2_BUFFER_SIZE."""


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """The memory of one GPU, in bytes.

    Attributes:
        total: what the GPU has.
        used: what processes use of it now, whoever started them.
    """

    total: int
    used: int


class _Memory(ctypes.Structure):
    """``nvmlMemory_t``."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


@contextmanager
def _nvml() -> Iterator[Any | None]:
    """The library while it is initialised; None where there is none."""
    nvml: Any = None
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(_LIBRARY)
        nvml = library if library.nvmlInit_v2() == 0 else None
    try:
        yield nvml
    finally:
        if nvml is not None:
            nvml.nvmlShutdown()


def device_count() -> int:
    """How many GPUs the driver knows; 0 without a driver."""
    with _nvml() as nvml, suppress(AttributeError):
        return _count(nvml) if nvml is not None else 0
    return 0


def device_memories(
    devices: Sequence[str], environ: Mapping[str, str]
) -> dict[str, DeviceMemory | None]:
    """The memory of some GPUs.

    Args:
        devices: as ``CUDA_VISIBLE_DEVICES`` names them: numbers, UUIDs, or how these begin.
        environ: environment variables: ``CUDA_DEVICE_ORDER`` says what the numbers mean.

    Returns:
        By device; None for one that the driver does not tell of.
    """
    with _nvml() as nvml, suppress(AttributeError):
        if nvml is not None:
            cards = [_card(nvml, index) for index in range(_count(nvml))]
            in_order = environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
            return {
                device: memory_of(device, cards, in_order=in_order) or _part(nvml, device)
                for device in devices
            }
    return dict.fromkeys(devices, None)


def memory_of(
    device: str, cards: Sequence[tuple[str, DeviceMemory | None]], *, in_order: bool
) -> DeviceMemory | None:
    """The memory of one GPU.

    CUDA counts GPUs from the fastest on unless it is told to count in the order of the bus, as the
    driver does. Where their memories differ a number is then any of them, and the least counts.

    Args:
        device: as ``CUDA_VISIBLE_DEVICES`` names it.
        cards: UUID and memory of each GPU, in the driver's order.
        in_order: whether numbers follow that order.

    Returns:
        The memory; None where it is unknown.
    """
    if not device.isdecimal():
        found = [memory for uuid, memory in cards if uuid.startswith(device)]
        return found[0] if len(found) == 1 else None
    if int(device) >= len(cards):
        return None
    known = [memory for _, memory in cards if memory is not None]
    if in_order or len(cards) == 1:
        return cards[int(device)][1]
    if len(known) < len(cards):
        return None
    if len({memory.total for memory in known}) == 1:
        return cards[int(device)][1]
    return DeviceMemory(
        total=min(memory.total for memory in known), used=max(memory.used for memory in known)
    )


def _count(nvml: Any) -> int:
    count = ctypes.c_uint()
    failed = nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
    return 0 if failed else int(count.value)


def _card(nvml: Any, index: int) -> tuple[str, DeviceMemory | None]:
    handle = ctypes.c_void_p()
    if nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(handle)) != 0:
        return "", None
    uuid = ctypes.create_string_buffer(_UUID_LENGTH)
    failed = nvml.nvmlDeviceGetUUID(handle, uuid, ctypes.c_uint(_UUID_LENGTH))
    return "" if failed else uuid.value.decode("ascii", "replace"), _memory(nvml, handle)


def _part(nvml: Any, device: str) -> DeviceMemory | None:
    """The memory of a part of a GPU (MIG), which has a UUID and no number."""
    handle = ctypes.c_void_p()
    uuid = ctypes.c_char_p(device.encode())
    if not device.startswith("MIG-") or nvml.nvmlDeviceGetHandleByUUID(uuid, ctypes.byref(handle)):
        return None
    return _memory(nvml, handle)


def _memory(nvml: Any, handle: Any) -> DeviceMemory | None:
    memory = _Memory()
    if nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) != 0:
        return None
    return DeviceMemory(total=int(memory.total), used=int(memory.used))
