"""What can change the results of a training run, as plain builtins that cross processes.

A description is made in the process that trains, after it trained, from what that process has
imported: nothing is imported here, and no device is initialised, to find something out. Clocks,
host names and paths are left out, so that two machines that compute the same have the same
fingerprint.
"""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final, TypeVar

from pytest_mlregress.baselines.artifact import Environment, Fact, Scalar
from pytest_mlregress.baselines.packages import installed_version, package_versions

__all__ = [
    "DifferingFact",
    "describe_environment",
    "differing_facts",
    "environment_differences",
    "environment_fingerprint",
    "merged_environment",
    "run_fingerprint",
    "same_environment",
]

_T = TypeVar("_T")
_FINGERPRINT_LENGTH: Final = 16
_TIMEOUT_S: Final = 5.0
_DRIVER: Final = Path("/proc/driver/nvidia/version")
_VARIABLES: Final = ("CUBLAS_WORKSPACE_CONFIG", "PYTHONHASHSEED")
_TITLES: Final = {
    "cpu": "CPU",
    "cuda": "CUDA",
    "cudnn": "cuDNN",
    "driver": "GPU driver",
    "gpus": "GPUs",
    "libc": "C library",
    "python": "Python",
}


def describe_environment(modules: Iterable[str] = ()) -> dict[str, Fact]:
    """The environment of this process.

    Args:
        modules: top-level names that the test modules import; those of third-party packages are
            listed with their versions, besides the packages that are known to change results.

    Returns:
        Facts by name: strings, integers, booleans, None, lists of strings and flat dictionaries.
    """
    torch = sys.modules.get("torch")
    return {
        **_platform(),
        "cpu": _cpu_model(),
        "threads": _threads(torch),
        "determinism": _determinism(torch),
        "packages": package_versions(modules),
        **_devices(torch),
    }


def environment_fingerprint(environment: Environment) -> str:
    """A hash that two environments share exactly if they hold the same facts.

    Args:
        environment: the facts by name.

    Returns:
        Hexadecimal digits.
    """
    text = json.dumps(environment, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_FINGERPRINT_LENGTH]


def environment_differences(old: Environment, new: Environment) -> list[str]:
    """What differs, one line per fact: `torch 2.12.0 -> 2.13.0`, `CPU: old -> new`.

    A package, or a flag of one, that only one side had imported is no difference: in a process that
    runs many tests it may have been imported for another test.

    Args:
        old: one environment.
        new: the other one.

    Returns:
        The differences; none if the environments are equal.
    """
    return [
        f"{fact.name}{'' if fact.group == 'packages' else ':'} {fact.old} -> {fact.new}"
        for fact in differing_facts(old, new)
    ]


@dataclass(frozen=True, slots=True)
class DifferingFact:
    """One fact in which two environments differ.

    Attributes:
        group: the group that it belongs to, such as ``packages``; its own key without one.
        name: what readers call it, such as ``CPU`` or ``torch``.
        old: its value in the one environment, in words.
        new: its value in the other one.
    """

    group: str
    name: str
    old: str
    new: str


def differing_facts(old: Environment, new: Environment) -> Iterator[DifferingFact]:
    """What differs; for what is no difference see `environment_differences`.

    Args:
        old: one environment.
        new: the other one.

    Yields:
        The facts, by group and name.
    """
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if isinstance(before, Mapping) or isinstance(after, Mapping):
            yield from _group_differences(name, _group(before), _group(after))
        elif _plain(before) != _plain(after):
            yield DifferingFact(name, _TITLES.get(name, name), _words(before), _words(after))


def merged_environment(environments: Iterable[Environment]) -> dict[str, Fact]:
    """One environment for processes of one machine that trained different tests.

    Args:
        environments: from `describe_environment` in each of them.

    Returns:
        The facts; what only some of them had imported or used is in it.
    """
    merged: dict[str, Fact] = {}
    for environment in environments:
        for name, fact in environment.items():
            known = merged.get(name)
            if isinstance(fact, Mapping):
                merged[name] = {**_facts_of(known), **fact}
            elif known in (None, [], ()):
                merged[name] = fact
    return merged


def run_fingerprint(environments: Sequence[Environment]) -> str:
    """A hash of the environment of a whole run, whatever the plugin itself had imported by then.

    Its statistics import numpy and scipy, sooner or later: both always count.

    Args:
        environments: from `describe_environment` where the seeds trained.

    Returns:
        Hexadecimal digits; empty where nothing trained.
    """
    if not environments:
        return ""
    own = {name: installed_version(name) for name in ("numpy", "scipy")}
    return environment_fingerprint(merged_environment([{"packages": own}, *environments]))


def _facts_of(group: Fact) -> Mapping[str, Scalar]:
    return group if isinstance(group, Mapping) else {}


def same_environment(old: Environment, new: Environment) -> bool:
    """Whether nothing that can change results is known to differ.

    Args:
        old: one environment.
        new: the other one.

    Returns:
        True without known differences.
    """
    return not environment_differences(old, new)


def _group(facts: object) -> Mapping[str, object]:
    return facts if isinstance(facts, Mapping) else {}


def _group_differences(
    group: str, old: Mapping[str, object], new: Mapping[str, object]
) -> Iterator[DifferingFact]:
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            yield DifferingFact(group, name, _words(old[name], "unset"), _words(new[name], "unset"))


def _plain(fact: object) -> object:
    """Lists for tuples: a file does not keep the difference."""
    return list(fact) if isinstance(fact, list | tuple) else fact


def _words(fact: object, absent: str = "unknown") -> str:
    if fact is None:
        return absent
    if isinstance(fact, bool):
        return "on" if fact else "off"
    if isinstance(fact, list | tuple):
        return ", ".join(map(str, fact)) or "none"
    return str(fact)


@cache
def _platform() -> Mapping[str, Fact]:
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()).strip() or None,
    }


@cache
def _cpu_model() -> str | None:
    with suppress(OSError, ValueError):
        info = Path("/proc/cpuinfo").read_text(errors="replace")
        found = re.search(r"^(?:model name|Hardware|cpu model)\s*:\s*(.+)$", info, re.MULTILINE)
        if found:
            return found[1].strip()
    if sys.platform == "darwin":
        with suppress(OSError, subprocess.SubprocessError):
            command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            done = subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S
            )
            return done.stdout.strip() or None
    return platform.processor() or None


def _threads(torch: ModuleType | None) -> int | None:
    """The threads that one seed computes with: torch's count, otherwise OpenMP's limit."""
    if torch is not None:
        return _probe(lambda: int(torch.get_num_threads()))
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return int(limit) if limit.isdecimal() else os.cpu_count()


def _determinism(torch: ModuleType | None) -> dict[str, Scalar]:
    flags: dict[str, Scalar] = {name: os.environ.get(name) for name in _VARIABLES}
    if torch is None:
        return flags
    probes: dict[str, Callable[[], Scalar]] = {
        "deterministic_algorithms": lambda: bool(torch.are_deterministic_algorithms_enabled()),
        "cudnn.deterministic": lambda: bool(torch.backends.cudnn.deterministic),
        "cudnn.benchmark": lambda: bool(torch.backends.cudnn.benchmark),
        "cudnn.enabled": lambda: bool(torch.backends.cudnn.enabled),
        "cudnn.allow_tf32": lambda: bool(torch.backends.cudnn.allow_tf32),
        "matmul.allow_tf32": lambda: bool(torch.backends.cuda.matmul.allow_tf32),
        "float32_matmul_precision": lambda: str(torch.get_float32_matmul_precision()),
        "default_dtype": lambda: str(torch.get_default_dtype()),
        "cpu_capability": lambda: str(torch.backends.cpu.get_cpu_capability()),
    }
    return flags | {name: _probe(probe) for name, probe in probes.items()}


def _devices(torch: ModuleType | None) -> dict[str, Fact]:
    """The GPUs that this process has used; others cannot have changed its results.

    Nor does it matter which of several equal GPUs a worker was given: names are listed once.
    """
    used = torch is not None and _probe(lambda: bool(torch.cuda.is_initialized()))
    if torch is None or not used:
        return {"gpus": [], "driver": None, "cuda": None, "cudnn": None}
    cuda = torch.cuda
    names = _probe(
        lambda: sorted({str(cuda.get_device_name(i)) for i in range(cuda.device_count())})
    )
    return {
        "gpus": names or [],
        "driver": _gpu_driver(),
        "cuda": _probe(lambda: str(torch.version.cuda or torch.version.hip)),
        "cudnn": _probe(lambda: str(torch.backends.cudnn.version())),
    }


@cache
def _gpu_driver() -> str | None:
    try:
        text = _DRIVER.read_text(errors="replace")
    except OSError:
        return None
    found = re.search(r"\s(\d+(?:\.\d+)+)\s", text)
    return found[1] if found else None


def _probe(fact: Callable[[], _T]) -> _T | None:
    """The fact, None if this build or version of a package cannot report it."""
    try:
        return fact()
    except Exception:
        # Reading a flag can fail in many ways: absent in old versions, not compiled in, or mixed
        # with its successor (torch >= 2.9 refuses to say `allow_tf32` after `fp32_precision`).
        return None
