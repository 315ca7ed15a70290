"""What one seed needs of a machine, and what a machine lacks for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_mlregress.plurals import plural
from pytest_mlregress.resources.capacity import Capacity
from pytest_mlregress.resources.devices import DEVICES


@dataclass(frozen=True, slots=True)
class Need:
    """What the marker ``mlregress`` declares that one seed needs; None for no word on it.

    Attributes:
        cpus: processors.
        gpus: GPUs; a fraction below 1 shares one.
        memory: bytes.
    """

    cpus: float | None = None
    gpus: float | None = None
    memory: float | None = None

    def __bool__(self) -> bool:
        """Whether anything is declared."""
        return any(number is not None for number in (self.cpus, self.gpus, self.memory))


def shortfall(need: Need, machine: Capacity) -> str | None:
    """Why a machine is too small for a seed.

    Args:
        need: what the seed needs.
        machine: what the machine has.

    Returns:
        Each lack with both numbers; None where it is large enough.
    """
    return "; ".join(_shortfalls(need, machine)) or None


def _shortfalls(need: Need, machine: Capacity) -> Iterator[str]:
    if need.gpus is not None and need.gpus > len(machine.devices):
        given = " is not set" if machine.visible is None else f"={machine.visible}"
        yield (
            f"needs {_amount(need.gpus, 'GPU')}, "
            f"this machine has {len(machine.devices)} ({DEVICES}{given})"
        )
    if need.cpus is not None and need.cpus > machine.cpus:
        yield (f"needs {_amount(need.cpus, 'CPU')}, this machine has {machine.cpus:.6g}")
    if need.memory is not None and machine.memory is not None and need.memory > machine.memory:
        has = "this machine's cgroup allows" if machine.limited else "this machine has"
        yield f"needs {in_bytes(need.memory)} of memory, {has} {in_bytes(machine.memory)}"


def _amount(number: float, thing: str) -> str:
    """``1 GPU``, ``0.5 GPUs``."""
    return f"{number:.6g} {plural(thing, 1 if number == 1 else 2)}"


def in_bytes(number: float) -> str:
    """A number of bytes for readers: 512 bytes, 1.5 GB; in powers of 1000, as the marker reads it.

    Args:
        number: bytes.

    Returns:
        Three digits and the unit.
    """
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size * 0.9995:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f} bytes"
